(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const PHASES = {
    given: "Start", forward: "Forward", seed: "Backward", backward: "Backward", done: "End",
    stop: "Not finished",
  };

  // Shapes and words are copied, one by one; whatever else a picture may hold stays outside.
  function copied(from) {
    const to = document.createElementNS(SVG, from.localName);
    for (const { name, value } of from.attributes) {
      if (LOOKS.includes(name.replace(/^data-.*/, "data-")) && !/url|:|&/i.test(value)) {
        to.setAttribute(name, value);
      }
    }
    for (const child of from.childNodes) {
      if (child.nodeType === 3) to.append(child.data);
      if (child.nodeType === 1 && SHAPES.includes(child.localName)) to.append(copied(child));
    }
    return to;
  }

  function made(tag, name, ...inside) {
    const element = document.createElement(tag);
    if (name) element.className = name;
    element.append(...inside);
    return element;
  }

  function build(host) {
    const image = host.querySelector("img");
    const frames = [...host.querySelectorAll("li[data-kind]")].map((item) => ({
      ...item.dataset, text: item.textContent, wire: (item.dataset.wire || "").split(" "),
    }));
    if (host.shadowRoot || !image || !frames.length) return;
    const bytes = Uint8Array.from(atob(image.src.split(",")[1]), (c) => c.charCodeAt(0));
    const source = new DOMParser().parseFromString(
      new TextDecoder().decode(bytes), "image/svg+xml").documentElement;
    if (source.localName !== "svg") return;
    const svg = copied(source);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", image.alt);

    const all = (selector) => [...svg.querySelectorAll(selector)];
    const wires = all("path[data-from]");
    for (const wire of [...wires, ...all("path[data-node]")]) wire.classList.add("wire");
    const own = new Map(all("text.gradient").map((text) => [text, text.textContent]));
    const computedAt = {};
    frames.forEach((frame, i) => {
      if (frame.kind === "forward") computedAt[frame.node] = i;
    });
    const seedAt = frames.findIndex((frame) => frame.kind === "seed");

    const phase = made("span", "phase");
    const text = made("span", "text");
    const said = made("p", "said", phase, text);
    said.setAttribute("aria-live", "polite");
    said.setAttribute("aria-atomic", "true");
    const picture = made("div", "picture", svg);
    picture.tabIndex = 0;
    picture.setAttribute("role", "group");
    picture.setAttribute("aria-label", "Picture of this step");
    const track = made("div", "track", ...frames.map((frame, i) =>
      made("i", seedAt >= 0 && i >= seedAt ? "back" : "")));
    track.setAttribute("aria-hidden", "true");

    let at = 0;
    const last = frames.length - 1;
    const go = (to) => {
      at = Math.min(Math.max(to, 0), last);
      show();
    };
    const buttons = [
      ["« First", () => 0], ["‹ Previous", () => at - 1],
      ["Next ›", () => at + 1], ["Last »", () => last],
    ].map(([label, target], i) => {
      const button = made("button", i === 2 ? "next" : "", label);
      button.type = "button";
      button.setAttribute("aria-label", label.replace(/[^a-z]/gi, "") + " step");
      button.addEventListener("click", () => go(target()));
      return button;
    });
    const keys = made("span", "keys", "or the keys ← →");
    const card = made("section", "card", made("div", "bar", ...buttons, keys), track, said, picture);
    card.setAttribute("aria-label", host.dataset.stepper || "Step by step");

    card.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
      if (to !== undefined) {
        event.preventDefault();
        go(to);
      } else if (!["Enter", " "].includes(event.key)) {
        return; // the page's own shortcuts stay
      }
      event.stopPropagation();
    });

    function show() {
      const frame = frames[at];
      const back = seedAt >= 0 && at >= seedAt;
      const sending = frame.kind === "backward";
      const receiver = sending ? frame.wire[0] : frame.kind === "seed" ? frame.node : undefined;
      const active = frame.kind === "done" ? [] : [frame.node, receiver];
      const known = (node) => !(computedAt[node] > at);
      phase.replaceChildren(
        `Step ${at + 1} of ${frames.length}: `, made("b", "", PHASES[frame.kind] || ""));
      text.textContent = frame.text;
      [...track.children].forEach((mark, i) => {
        mark.classList.toggle("was", i <= at);
        mark.classList.toggle("here", i === at);
      });
      buttons.forEach((button, i) =>
        button.setAttribute("aria-disabled", String(i < 2 ? at === 0 : at === last)));
      svg.classList.toggle("back", back);

      const sent = {};  // wires that a message has gone over
      const grads = {};
      frames.slice(0, at + 1).forEach((past) => {
        if (past.kind === "backward") {
          grads[past.wire[0]] = past.gradient || null;
          sent[past.wire.join(" ")] = true;
        }
      });
      for (const element of all("[data-node]")) {
        const node = element.dataset.node;
        const { classList } = element;
        const word = element.localName === "text";
        const value = word && (classList.contains("value") || classList.contains("shape"));
        const gradient = own.has(element);
        classList.toggle("faint", !known(node) && !value && !gradient);
        classList.toggle("away", (value && !known(node)) || (gradient && !back));
        const here = active.includes(node);
        classList.toggle("now", here && (
          element.localName === "rect" ? node === frame.node || frame.kind === "seed"
            : gradient ? node === receiver
              : value ? frame.kind === "forward" && classList.contains("value")
                : element.localName === "path" && sending && node === receiver));
        if (gradient) {
          const zero = !(node in grads) && node !== frames[seedAt]?.node;
          element.textContent = zero ? "∂ 0" : grads[node] || own.get(element);
          classList.toggle("zero", zero);
        }
      }
      svg.querySelector(".head")?.remove();
      for (const wire of wires) {
        const { from, to, input } = wire.dataset;
        const name = `${from} ${to} ${input}`;
        const now = sending ? name === frame.wire.join(" ")
          : frame.kind === "forward" && to === frame.node;
        wire.classList.toggle("faint", !known(to));
        wire.classList.toggle("early", !sent[name]);
        wire.classList.toggle("now", now);
        if (now && sending) wire.parentNode.append(arrowhead(wire));
      }
      for (const arrow of all("[data-tip]")) {
        arrow.classList.toggle("faint", !known(arrow.dataset.tip));
      }
      const seen = svg.querySelector("rect.now");
      if (seen) {
        const box = seen.getBBox();
        const scale = svg.clientWidth / (svg.viewBox.baseVal.width || svg.clientWidth) || 1;
        picture.scrollLeft = (box.x + box.width / 2) * scale - picture.clientWidth / 2;
      }
    }

    // A message goes against the wire: its arrow points to the node that receives it.
    function arrowhead(wire) {
      const head = document.createElementNS(SVG, "path");
      const middle = wire.getTotalLength() / 2;
      const [p, q] = [wire.getPointAtLength(middle - 1), wire.getPointAtLength(middle + 1)];
      const turn = Math.atan2(p.y - q.y, p.x - q.x) * 180 / Math.PI;
      head.setAttribute("class", "head");
      head.setAttribute("d", "M9 0L-7 8L-3 0L-7 -8Z");
      head.setAttribute("transform",
        `translate(${(p.x + q.x) / 2} ${(p.y + q.y) / 2}) rotate(${turn})`);
      return head;
    }

    const root = host.attachShadow({ mode: "open" });
    root.append(made("style", "", STYLE), card, made("slot"));
    image.parentNode.slot = "replaced";
    show();
  }

  document.querySelectorAll("div[data-stepper]").forEach(build);
})();
