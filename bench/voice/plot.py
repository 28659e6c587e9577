#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Curves of voice, as SVG, with nothing but the standard library.

    bench/voice/plot.py stats FILE.csv [-o OUT.svg]      a file of `sotto call --stats`
    bench/voice/plot.py ticks FILE.csv [-o OUT.svg]      a CSV of voice_eval
    bench/voice/plot.py figures FILE.csv [-o OUT.svg]    figures.csv of score.py: one bar a trace
    bench/voice/plot.py curves --build DIR --out DIR     for `make bench`: runs voice_eval, draws all

Other programs: draw(path, title, [Panel(...), ...]).
"""
import argparse
import csv
import glob
import json
import math
import os
import subprocess
import sys
from html import escape

WIDTH, LEFT, RIGHT, TOP, GAP, HEIGHT, LEGEND = 900, 64, 20, 44, 46, 150, 15
COLOURS = ('#0b6e99', '#d9730d', '#448361', '#cb4b6b', '#8f6fb8', '#8a8579', '#c5a100', '#2f3437')
TRACES = ('clean', 'loss20', 'burst120', 'jitter30', 'spikes')


class Panel:
    """One pair of axes. series: (name, xs, ys); an ys of None is a gap. kind: 'line', 'area' (one
    series upon the other) or 'bar' (xs are names). at_least: the axis reaches so far in any case;
    floor: it begins there."""

    def __init__(self, title, series, kind='line', at_least=1.0, floor=0.0):
        self.title, self.series, self.kind = title, series, kind
        self.at_least, self.floor = at_least, floor


def step(span, ticks=4):
    """A round number so that span has about that many."""
    raw = max(span, 1e-9) / ticks
    unit = 10 ** math.floor(math.log10(raw))
    return next(m * unit for m in (1, 2, 2.5, 5, 10) if m * unit >= raw * 0.999)


def number(v):
    return '%g' % round(v, 6)


class Axes:
    def __init__(self, panel, top, low, high):
        self.panel, self.top, self.low, self.high = panel, top, low, max(high, low + 1e-9)
        sums = [y for _, _, ys in panel.series for y in ys if y is not None]
        if panel.kind == 'area':
            sums = [sum(y or 0 for y in column) for column in zip(*(s[2] for s in panel.series))]
        self.least = panel.floor
        self.most = self.least + (max(sums + [panel.at_least]) - self.least) * 1.05

    def x(self, v):
        return LEFT + (v - self.low) / (self.high - self.low) * (WIDTH - LEFT - RIGHT)

    def y(self, v):
        share = (min(v, self.most) - self.least) / (self.most - self.least)
        return self.top + HEIGHT - max(share, 0) * HEIGHT


def text(x, y, what, anchor='start', extra=''):
    return '<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>' % (x, y, anchor, extra,
                                                                    escape(what))


def frame(a):
    p = a.panel
    out = [text(LEFT, a.top - 24, p.title, extra=' class="t"')]
    at = LEFT
    for i, (name, _, _) in enumerate(p.series):
        out.append('<rect x="%d" y="%d" width="10" height="10" fill="%s"/>' %
                   (at, a.top - LEGEND, COLOURS[i % len(COLOURS)]))
        out.append(text(at + 14, a.top - LEGEND + 9, name))
        at += 30 + 7 * len(name)
    every = step(a.most - a.least)
    for i in range(math.ceil(a.least / every), int(a.most / every) + 1):
        y = a.y(i * every)
        out.append('<line class="g" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>' %
                   (LEFT, y, WIDTH - RIGHT, y))
        out.append(text(LEFT - 6, y + 4, number(i * every), 'end'))
    return out


def marks(a, unit):
    """Along the x axis."""
    if a.panel.kind == 'bar':
        names = a.panel.series[0][1]
        wide = (WIDTH - LEFT - RIGHT) / max(len(names), 1)
        return [text(LEFT + (i + 0.5) * wide, a.top + HEIGHT + 14, n, 'middle')
                for i, n in enumerate(names)]
    every, out = step(a.high - a.low, 9), []
    first = math.ceil(a.low / every)
    for i in range(first, int(a.high / every) + 1):
        out.append(text(a.x(i * every), a.top + HEIGHT + 14,
                        number(i * every) + (unit if i == first else ''), 'middle'))
    return out


def lines(a):
    out = []
    for i, (_, xs, ys) in enumerate(a.panel.series):
        path, pen = [], 'M'
        for x, y in zip(xs, ys):
            if y is None:
                pen = 'M'
                continue
            path.append('%s%.1f %.1f' % (pen, a.x(x), a.y(y)))
            pen = 'L'
        out.append('<path class="l" stroke="%s" d="%s"/>' % (COLOURS[i % len(COLOURS)],
                                                            ' '.join(path)))
    return out


def areas(a):
    out, base = [], [0.0] * len(a.panel.series[0][1])
    for i, (_, xs, ys) in enumerate(a.panel.series):
        top = [b + (y or 0) for b, y in zip(base, ys)]
        points = ['%.1f,%.1f' % (a.x(x), a.y(y)) for x, y in zip(xs, top)]
        points += ['%.1f,%.1f' % (a.x(x), a.y(y)) for x, y in reversed(list(zip(xs, base)))]
        out.append('<polygon fill="%s" points="%s"/>' % (COLOURS[i % len(COLOURS)],
                                                        ' '.join(points)))
        base = top
    return out


def bars(a):
    out, count = [], max(len(a.panel.series), 1)
    wide = (WIDTH - LEFT - RIGHT) / max(len(a.panel.series[0][1]), 1)
    for i, (_, _, ys) in enumerate(a.panel.series):
        for j, y in enumerate(ys):
            if y is not None:
                thick = wide * 0.8 / count
                out.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>' % (
                    LEFT + wide * (j + 0.1) + i * thick, a.y(y), thick,
                    max(a.top + HEIGHT - a.y(y), 0), COLOURS[i % len(COLOURS)]))
    return out


def draw(path, title, panels, unit=' s'):
    """Writes one picture of all panels, one above the other, with one x axis for all lines."""
    xs = [x for p in panels if p.kind != 'bar' for s in p.series for x in s[1]] or [0, 1]
    high = TOP + len(panels) * (HEIGHT + GAP + 24)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" '
           'font-size="11">' % (WIDTH, high),
           '<title>%s</title>' % escape(title),
           '<style>.g{stroke:#ddd}.l{fill:none;stroke-width:1.5}.t{font-weight:bold}</style>',
           '<rect width="100%" height="100%" fill="#fff"/>',
           text(LEFT, 20, title, extra=' font-size="14" class="t"')]
    for i, p in enumerate(panels):
        a = Axes(p, TOP + 28 + i * (HEIGHT + GAP + 24), min(xs), max(xs))
        out += frame(a) + {'line': lines, 'area': areas, 'bar': bars}[p.kind](a) + marks(a, unit)
    out.append('</svg>')
    with open(path, 'w', encoding='utf-8') as f:
        f.write('\n'.join(out) + '\n')


def read(path):
    with open(path, newline='', encoding='utf-8') as f:
        return list(csv.DictReader(f))


def value(row, name):
    """None: the column is not there, or its value is unknown."""
    try:
        return float(row[name])
    except (KeyError, TypeError, ValueError):
        return None


def column(rows, name):
    return [value(r, name) for r in rows]


def stats(path, out):
    """A file of statistics: of its first call, if there are several."""
    rows = read(path)
    rows = [r for r in rows if r['call'] == rows[0]['call']]
    if not rows:
        raise SystemExit('%s has no lines' % path)
    at = column(rows, 'call_s')
    pick = lambda *names: [(label, at, column(rows, name)) for label, name in names]
    own = [max((value(r, 'played') or 0) - (value(r, 'copies') or 0) - (value(r, 'dred') or 0), 0)
           for r in rows]
    down = [max((value(r, n) or 0) for n in ('out_bps', 'in_bps')) for r in rows]
    draw(out, 'sotto --stats %s' % os.path.basename(path), [
        Panel('Delay, ms', pick(('mouth to ear', 'mouth_to_ear_ms'), ('round trip', 'rtt_ms'),
                                ('lag', 'lag_ms'), ('target', 'target_ms'),
                                ('jitter', 'jitter_ms')), at_least=100),
        Panel('Cells lost, %', pick(('in this second', 'lost_percent'),
                                    ('seen here', 'loss_seen_percent'),
                                    ('reported by the far end', 'loss_reported_percent')),
              at_least=5),
        Panel('Frames played in each second', [('from their cell', at, own)] +
              pick(('copies', 'copies'), ('DRED', 'dred'), ('concealed', 'concealed')), 'area', 50),
        Panel('kbit/s on the links', [('out', at, [(v or 0) / 1e3 for v in column(rows, 'out_bps')]),
                                      ('in', at, [(v or 0) / 1e3 for v in column(rows, 'in_bps')])],
              at_least=max(down) / 1e3 if down else 1)])


def ticks(path, out):
    """A CSV of voice_eval: the delay of each tick, and of each second what was played."""
    rows = read(path)
    at = [float(r['ms']) / 1e3 for r in rows]
    seconds, was = {}, {}
    for t, r in zip(at, rows):
        here = seconds.setdefault(int(t), dict.fromkeys(('frames', 'copies', 'retold', 'concealed'), 0))
        here['frames'] += 1
        for name in ('copies', 'retold', 'concealed'):
            here[name] += int(r[name]) - was.get(name, 0)
            was[name] = int(r[name])
    xs = sorted(seconds)
    rest = [max(seconds[s]['frames'] - sum(seconds[s][n] for n in ('copies', 'retold', 'concealed')), 0)
            for s in xs]
    draw(out, os.path.splitext(os.path.basename(path))[0], [
        Panel('Delay from mouth to ear without the network, and its target, ms',
              [('delay', at, [v if r['sound'] == '1' else None
                              for v, r in zip(column(rows, 'delay_ms'), rows)]),
               ('target', at, column(rows, 'target_ms'))],
              at_least=100),
        Panel('Frames played in each second', [('from their cell', xs, rest)] +
              [(label, xs, [seconds[s][n] for s in xs]) for label, n in
               (('copies', 'copies'), ('DRED', 'retold'), ('concealed', 'concealed'))], 'area', 50)])


def figures(path, out):
    """figures.csv of score.py: means of the seeds."""
    rows, traces = read(path), []
    for r in rows:
        if r['trace'] not in traces:
            traces.append(r['trace'])

    def means(name):
        of = [[v for r in rows if r['trace'] == t for v in [value(r, name)] if v is not None]
              for t in traces]
        return [sum(v) / len(v) if v else None for v in of]

    draw(out, 'Voice over bad networks', [
        Panel('PLCMOS v2', [('PLCMOS', traces, means('plcmos'))], 'bar', 5),
        Panel('ESTOI', [('ESTOI', traces, means('estoi'))], 'bar', 1),
        Panel('Delay without the network, ms', [('mean', traces, means('delay_ms')),
                                                ('greatest', traces, means('delay_max_ms'))], 'bar',
              100),
        Panel('Shares', [('lost speech played from redundancy', traces, means('real')),
                         ('speech not played', traces, means('concealed'))], 'bar', 1)])


def curves(build, folder):
    """Each trace once through voice_eval, drawn; and what files of statistics are there."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import score  # pylint: disable=import-outside-toplevel
    os.makedirs(folder, exist_ok=True)
    source, rows = folder + '/spoken.wav', []
    if glob.glob(score.SPEECH + '/*.wav'):
        score.spoken(source)
    else:  # speech made by the project's own tests
        subprocess.run([build + '/bench/likeness/likeness', '--speech', '30', source], check=True)
    for t in TRACES:
        name = '%s/%s' % (folder, t)
        got = subprocess.run([build + '/bench/voice/voice_eval', '--trace', t, '--seed', '1',
                              '--csv', name + '.csv', source, name + '.wav'],
                             stdout=subprocess.PIPE, check=True)
        rows.append(dict(json.loads(got.stdout.splitlines()[-1]), trace=t))
        ticks(name + '.csv', name + '.svg')
        print('%-10s delay %5.0f ms, at most %5.0f; real %s; not played %.3f   %s.svg' % (
            t, rows[-1]['delay_ms'], rows[-1]['delay_max_ms'],
            '-' if rows[-1].get('real') is None else '%.2f' % rows[-1]['real'],
            rows[-1]['concealed'], name))
    for path in sorted(glob.glob(folder + '/*.stats.csv')):
        stats(path, path[:-4] + '.svg')
        print(path[:-4] + '.svg')


def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    p.add_argument('what', choices=('stats', 'ticks', 'figures', 'curves'))
    p.add_argument('file', nargs='?')
    p.add_argument('-o', dest='svg')
    p.add_argument('--build', default='build/release')
    p.add_argument('--out', default='build/voice')
    o = p.parse_args()
    if o.what == 'curves':
        curves(o.build, o.out)
        return 0
    if not o.file:
        p.error('which file?')
    {'stats': stats, 'ticks': ticks, 'figures': figures}[o.what](
        o.file, o.svg or os.path.splitext(o.file)[0] + '.svg')
    return 0


if __name__ == '__main__':
    sys.exit(main())
