"""Curves as SVG: a panel for each, one below the other, in two columns."""

from html import escape

WIDTH, HEIGHT = 460, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 34, 34
TICKS = 4


def step_of(top):
    """The distance of ticks: 1, 2 or 5 times a power of ten."""
    power = 1.0
    while power * 10 <= top / TICKS:
        power *= 10
    while power > top / TICKS:
        power /= 10
    return next((power * factor for factor in (1, 2, 5) if power * factor * TICKS >= top), power * 10)


def short(value):
    """A number for an axis."""
    if value >= 1_000_000:
        return f"{value / 1_000_000:g} M"
    if value >= 10_000:
        return f"{value / 1_000:g} k"
    return f"{value:g}"


def panel(title, unit, points):
    """One curve, from zero on both axes."""
    x_step = step_of(max((x for x, _ in points), default=1) or 1)
    y_step = step_of(max((y for _, y in points), default=1) or 1)
    x_top = x_step * -(-max((x for x, _ in points), default=1) // x_step)
    y_top = y_step * max(1, -(-max((y for _, y in points), default=1) // y_step))
    at = lambda x, y: (
        LEFT + (WIDTH - LEFT - RIGHT) * x / x_top,
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / y_top,
    )
    parts = [f'<text class="title" x="{LEFT}" y="18">{escape(title)}, {escape(unit)}</text>']
    for tick in range(round(y_top / y_step) + 1):
        _, y = at(0, tick * y_step)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="y" x="{LEFT - 6}" y="{y + 4:.1f}">{short(tick * y_step)}</text>')
    for tick in range(round(x_top / x_step) + 1):
        x, y = at(tick * x_step, 0)
        parts.append(f'<text class="x" x="{x:.1f}" y="{y + 16:.1f}">{short(tick * x_step)}</text>')
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in points))
    parts.append(f'<polyline points="{line}"/>')
    dots = (at(*point) for point in points)
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in dots]
    return "".join(parts)


STYLE = """
text { font: 11px sans-serif; fill: #333 } .title { font-weight: bold } .head { font-size: 13px }
.y { text-anchor: end } .x { text-anchor: middle } .grid { stroke: #ddd }
polyline { fill: none; stroke: #1769aa; stroke-width: 1.5 } circle { fill: #1769aa }
"""


def chart(head, below, panels):
    """All panels, under a line that says what they are of."""
    rows = -(-len(panels) // 2)
    height = 40 + rows * HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{2 * WIDTH}" height="{height}" fill="white"/>',
        f'<text class="head" x="16" y="22">{escape(head)}; below: {escape(below)}</text>',
    ]
    for index, one in enumerate(panels):
        x, y = index % 2 * WIDTH, 34 + index // 2 * HEIGHT
        parts.append(f'<g transform="translate({x},{y})">{panel(*one)}</g>')
    return "\n".join([*parts, "</svg>"]) + "\n"
