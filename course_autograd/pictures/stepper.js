// Turns every stepper of the page into buttons, a sentence and a picture that changes with them.
// SHAPES, LOOKS and STYLE stand above this file in the page; see stepper.py.
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const PHASES = {
    given: "Start", forward: "Forward", seed: "Backward", backward: "Backward", done: "End",
    stop: "Not finished",
  };

  // Shapes and words are copied one by one; whatever else a picture may hold stays outside.
  function copied(from) {
    const to = document.createElementNS(SVG, from.localName);
    for (const { name, value } of from.attributes) {
      const known = LOOKS.includes(name.replace(/^data-.*/, "data-"));
      if (known && !/url|:|&/i.test(value)) to.setAttribute(name, value);
    }
    for (const child of from.childNodes) {
      if (child.nodeType === 3) to.append(child.data);
      if (child.nodeType === 1 && SHAPES.includes(child.localName)) to.append(copied(child));
    }
    return to;
  }

  function made(tag, attributes, ...inside) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...inside);
    return element;
  }

  function drawn(tag, attributes) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  // The picture at the end, from the image that stands there without this script.
  function pictureOf(image) {
    const bytes = Uint8Array.from(atob(image.src.split(",")[1]), (c) => c.charCodeAt(0));
    const text = new TextDecoder().decode(bytes);
    const source = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    if (source.localName !== "svg") return null;
    const svg = copied(source);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", image.alt);
    svg.style.minWidth = `${0.75 * svg.width.baseVal.value}px`;
    return svg;
  }

  // What a step adds to the picture. `wire` is: receiver of the message, sender, which input.
  function framesOf(host) {
    return [...host.querySelectorAll("li[data-kind]")].map((item) => ({
      ...item.dataset, text: item.textContent, sends: item.dataset.kind === "backward",
      receiver: item.dataset.kind === "seed" ? item.dataset.node
        : (item.dataset.wire || "").split(" ")[0],
    }));
  }

  const nameOf = ({ dataset }) => `${dataset.from} ${dataset.to} ${dataset.input}`;

  function build(host) {
    const image = host.querySelector("img");
    const frames = framesOf(host);
    const svg = image && frames.length && !host.shadowRoot && pictureOf(image);
    if (!svg) return;
    const last = frames.length - 1;
    const seedAt = frames.findIndex((frame) => frame.kind === "seed");
    const isBack = (i) => seedAt >= 0 && i >= seedAt;
    const computedAt = {};
    frames.forEach((frame, i) => {
      if (frame.kind === "forward") computedAt[frame.node] = i;
    });

    const all = (selector) => [...svg.querySelectorAll(selector)];
    const wires = all("path[data-from]");
    const trunks = all("path[data-node]");
    const gradients = new Map(all("text.gradient").map((word) => [word, word.textContent]));
    for (const path of [...wires, ...trunks]) path.classList.add("wire");

    let at = 0;
    const go = (to) => {
      at = Math.min(Math.max(to, 0), last);
      show();
    };
    const buttons = [
      ["First", "« ", "", () => 0],
      ["Previous", "‹ ", "", () => at - 1],
      ["Next", "", " ›", () => at + 1],
      ["Last", "", " »", () => last],
    ].map(([word, before, after, target]) => {
      const button = made(
        "button", { type: "button", class: word.toLowerCase(), "aria-label": `${word} step` },
        before + word + after);
      button.addEventListener("click", () => go(target()));
      return button;
    });
    const phase = made("span", { class: "phase" });
    const text = made("span", { class: "text" });
    const track = made("div", { class: "track", "aria-hidden": "true" },
      ...frames.map((_, i) => made("i", { class: isBack(i) ? "back" : "" })));
    const picture = made(
      "div", { class: "picture", tabindex: 0, role: "group", "aria-label": "Picture of this step" },
      svg);
    const card = made("section", { class: "card", "aria-label": host.dataset.stepper },
      made("div", { class: "bar" }, ...buttons,
        made("span", { class: "keys" }, "or the keys ← →")),
      track,
      made("p", { class: "said", "aria-live": "polite", "aria-atomic": "true" }, phase, text),
      picture);

    card.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
      if (to !== undefined) {
        event.preventDefault();
        go(to);
      } else if (event.key !== "Enter" && event.key !== " ") {
        return; // the page keeps its own shortcuts
      }
      event.stopPropagation();
    });

    function show() {
      const frame = frames[at];
      phase.replaceChildren(
        `Step ${at + 1} of ${frames.length}: `, made("b", {}, PHASES[frame.kind] || ""));
      text.textContent = frame.text;
      [...track.children].forEach((mark, i) => {
        mark.classList.toggle("was", i <= at);
        mark.classList.toggle("here", i === at);
      });
      buttons.forEach((button, i) =>
        button.setAttribute("aria-disabled", String(i < 2 ? at === 0 : at === last)));
      svg.classList.toggle("back", isBack(at));
      all(".head, .frame").forEach((mark) => mark.remove());
      paintWires(frame);
      paintNodes(frame);
      paintGradients(frame);
      // All are measured before anything is put in: measuring again after each would take long.
      const boxes = all("text.now").map((word) => [word, boxAround(word)]);
      for (const [word, box] of boxes) word.before(box);
      bringIntoView();
    }

    // Values are known from the step on that computes them; what is given, from the first.
    const known = (node) => !(computedAt[node] > at);

    function paintWires(frame) {
      const past = frames.slice(0, at + 1);
      const sent = new Set(past.filter(({ sends }) => sends).map(({ wire }) => wire));
      const active = wires.filter((wire) => frame.sends ? nameOf(wire) === frame.wire
        : frame.kind === "forward" && wire.dataset.to === frame.node);
      const from = active.map((wire) => wire.dataset.from);
      for (const wire of wires) {
        wire.classList.toggle("faint", !known(wire.dataset.to));
        wire.classList.toggle("early", !sent.has(nameOf(wire)));
        wire.classList.toggle("now", active.includes(wire));
      }
      for (const trunk of trunks) trunk.classList.toggle("now", from.includes(trunk.dataset.node));
      for (const { dataset, classList } of all("[data-tip]")) {
        const end = ` ${dataset.tip} ${dataset.input}`;
        classList.toggle("faint", !known(dataset.tip));
        classList.toggle("away", frame.sends && frame.wire.endsWith(end));
      }
      if (frame.sends) for (const wire of active) wire.parentNode.append(arrowOn(wire));
    }

    function paintNodes(frame) {
      for (const { localName, dataset, classList } of all("[data-node]:not(.gradient, .sum)")) {
        const value = classList.contains("value");
        const says = value || classList.contains("shape");
        const active = dataset.node === frame.node && frame.kind !== "done";
        classList.toggle("faint", !says && !known(dataset.node));
        classList.toggle("away", says && !known(dataset.node));
        if (localName === "rect") classList.toggle("now", active);
        if (value) classList.toggle("now", active && frame.kind === "forward");
      }
    }

    // Every gradient starts at 0, and shows what has arrived so far.
    function paintGradients(frame) {
      const arrived = {};
      frames.slice(0, at + 1).forEach((past) => {
        if (past.kind === "seed" || past.sends) arrived[past.receiver] = past.gradient || "all";
      });
      for (const [word, complete] of gradients) {
        const soFar = arrived[word.dataset.node];
        word.textContent = soFar === "all" ? complete : soFar || "∂ 0";
        word.classList.toggle("away", !isBack(at));
        word.classList.toggle("zero", !soFar);
        word.classList.toggle("now", word.dataset.node === frame.receiver);
      }
      for (const { dataset, classList } of trunks) {
        classList.toggle("early", !(isBack(at) && dataset.node in arrived));
      }
      // What tells of a sum is true once all of it has arrived.
      for (const { localName, dataset, classList } of all("text.sum, circle[data-node]")) {
        const complete = isBack(at) && arrived[dataset.node] === "all";
        classList.toggle(localName === "text" ? "away" : "early", !complete);
      }
    }

    function boxAround(word) {
      const { x, y, width, height } = word.getBBox();
      return drawn("rect",
        { class: "frame", x: x - 3, y: y - 1, width: width + 6, height: height + 2, rx: 3 });
    }

    // A message goes against the wire: its arrow points to the node that receives it.
    function arrowOn(wire) {
      const middle = wire.getTotalLength() / 2;
      const [p, q] = [wire.getPointAtLength(middle - 1), wire.getPointAtLength(middle + 1)];
      const turn = Math.atan2(p.y - q.y, p.x - q.x) * 180 / Math.PI;
      return drawn("path", {
        class: "head", d: "M9 0L-7 8L-3 0L-7 -8Z",
        transform: `translate(${(p.x + q.x) / 2} ${(p.y + q.y) / 2}) rotate(${turn})`,
      });
    }

    function bringIntoView() {
      const boxes = all(".now").map((element) => element.getBoundingClientRect());
      if (!boxes.length) return;
      const left = Math.min(...boxes.map((box) => box.left));
      const right = Math.max(...boxes.map((box) => box.right));
      const room = picture.getBoundingClientRect();
      if (left < room.left || right > room.right) {
        picture.scrollLeft += (left + right) / 2 - (room.left + room.right) / 2;
      }
    }

    host.attachShadow({ mode: "open" }).append(made("style", {}, STYLE), card, made("slot", {}));
    image.parentNode.slot = "replaced";
    // Room for the longest step, so that the picture stays where it is.
    let room = 0;
    for (const { kind, text: words } of frames) {
      text.textContent = words;
      if (kind === "forward" || kind === "backward") room = Math.max(room, text.offsetHeight);
    }
    text.style.minHeight = `${room}px`;
    show();
  }

  document.querySelectorAll("div[data-stepper]").forEach(build);
})();
