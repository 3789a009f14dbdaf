"""Pictures of submissions are taken apart and written anew: shapes and words only."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest

from autograder.shapes import LARGEST, rewritten, width_of
from course_autograd import Tensor, draw, nn, ops, step

ROOT = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="20"'


def drawing(inside: str) -> str:
    return f"{ROOT}>{inside}</svg>"


def product() -> Tensor:
    f = (Tensor(-2.0, "x <&> 'y\"") + Tensor(5.0, "∂数")) * Tensor(-4.0, "z")
    f.name = "f"
    return f


def network() -> Tensor:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(6, 4, rng=rng), nn.ReLU(), nn.Linear(4, 3, rng=rng))
    loss = ops.softmax_cross_entropy(model(rng.random((5, 6))), labels=np.array([0, 1, 2, 0, 1]))
    return loss + ops.power(Tensor(2.0, "a"), exponent=3) * 2


def shape_of(svg: str) -> list[tuple[str, dict[str, str], str]]:
    tree = ElementTree.fromstring(svg)
    return [(one.tag, dict(sorted(one.attrib.items())), one.text or "") for one in tree.iter()]


@pytest.mark.parametrize("make", [product, network])
@pytest.mark.usefixtures("reference_rules")
def test_our_own_pictures_come_through_whole(make: Callable[[], Tensor]) -> None:
    tensor = make()
    tensor.backward()
    for picture in (draw(tensor).svg, step(tensor).svg):
        assert shape_of(rewritten(picture)) == shape_of(picture)


@pytest.mark.parametrize(
    "inside",
    [
        "<script>1</script>",
        "<a href='javascript:x()'><text>a</text></a>",
        "<image href='http://example.org/a.png'/>",
        "<image xlink:href='http://example.org/a.png'/>",
        "<foreignObject><b>x</b></foreignObject>",
        "<foreignobject/>",
        "<style>@import 'http://example.org/a.css';</style>",
        "<use href='#a'/>",
        "<animate attributeName='href' to='javascript:x()'/>",
        "<set attributeName='onload' to='x()'/>",
        "<iframe src='http://example.org'/>",
        "<x:script xmlns:x='http://www.w3.org/2000/svg'>1</x:script>",
        "<g xmlns='http://www.w3.org/1999/xhtml'><path/></g>",
        "<rect onload='x()'/>",
        "<rect\nonclick='x()'/>",
        "<rect style='background: red'/>",
        "<rect id='cookie'/>",
        "<rect fill='url(http://example.org/a)'/>",
        "<rect fill='URL(#a)'/>",
        "<rect fill='red;x'/>",
        "<rect class='a&quot; onload=x()'/>",
        "<rect data-node='1&quot;>'/>",
        "<rect data-x-y='1'/>",
        "<rect filter='blur'/>",
        "<text href='x'>a</text>",
        "<text><script>1</script></text>",
        "<title><script>1</script></title>",
        "<title onclick='x()'>a</title>",
        "<g><title>a</title></g>",
        "words outside of a text",
        "<?xml-stylesheet href='http://example.org/a.css'?>",
        "<!-- -- -->",
        "<!-- hidden -->",
        "&nbsp;",
        "<g>" * 50 + "</g>" * 50,
        "<svg width='1' height='1'/>",
        "<g>",
    ],
)
def test_anything_else_makes_it_no_picture(inside: str) -> None:
    assert rewritten(drawing(f"<g>{inside}</g>")) == ""
    assert rewritten(drawing(inside)) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html></html>",
        "<svg></svg>",
        "no picture",
        ROOT + ' onload="x()"></svg>',
        ROOT + ' xmlns:xlink="http://www.w3.org/1999/xlink"></svg>',
        ROOT + "></svg><script>1</script>",
        ROOT.replace("10", "1e9") + "></svg>",
        ROOT.replace("10", "100%") + "></svg>",
        ROOT.replace("10", "-5") + "></svg>",
        ROOT.replace("20", "999999") + "></svg>",
        ROOT.replace("2000/svg", "1999/xhtml") + "></svg>",
        '<!DOCTYPE svg [<!ENTITY a "b">]>' + ROOT + ">&a;</svg>",
        "<!DOCTYPE svg>" + ROOT + "></svg>",
        drawing("<g/>" * LARGEST),
        drawing("<text>\x00</text>"),
        drawing("<text>\ud800</text>"),
    ],
)
def test_what_is_no_picture_of_sensible_size_is_none(text: str) -> None:
    written = rewritten(text)
    assert "\ud800" not in written
    assert "script" not in written
    assert "ENTITY" not in written
    assert len(written) < 200


def test_words_are_words() -> None:
    written = rewritten(drawing("<text>&lt;script&gt;1&lt;/script&gt; &#60;b&#62;</text>"))
    assert written == drawing("<text>&lt;script&gt;1&lt;/script&gt; &lt;b&gt;</text>").replace(
        ROOT, '<svg xmlns="http://www.w3.org/2000/svg" role="img" width="10" height="20"'
    )
    assert rewritten(written) == written


def test_how_wide_it_is() -> None:
    assert width_of(rewritten(drawing(""))) == 10.0


def test_a_picture_of_more_elements_than_a_graph_has_is_left_out() -> None:
    few = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{}</svg>'
    assert rewritten(few.format('<rect x="1"/>' * 5_000))
    assert not rewritten(few.format('<rect x="1"/>' * 6_000))
