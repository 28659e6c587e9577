#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Voice over bad networks, scored.

    bench/voice/score.py --build build/release [--out DIR] [--plcmos DIR] [--level DB] [--traces A,B]
                         [--seeds N] [--words] [-- options of voice_eval]

Takes the LibriVox recordings of Debian's pocketsphinx-testdata through voice_eval with each trace
and seed, and prints a table (Markdown); figures.csv in DIR has a row for each run. PLCMOS needs the
meter's directory (node; a development tool outside the project), the word error rate
(--words) Debian's pocketsphinx and pocketsphinx-en-us. What is missing is left out.
"""
import argparse
import array
import csv
import glob
import json
import os
import shutil
import statistics
import subprocess
import sys

import systems

SPEECH = '/usr/share/pocketsphinx/test/data/librivox'
LEVEL_DB = -13.7  # PLCMOS depends on the level: at this one the recordings themselves get 3.89
GAP_SAMPLES = 8000  # half a second between the recordings
TRACES = ('clean loss5 loss10 loss20 loss30 burst60 burst120 burst250 jitter10 jitter30 jitter60 '
          'spikes reorder outage drift+ drift- jitter30loss10 '
          'rate64 rate40 rate32 turns64 police64').split()
ADDED_MS = 400  # the greatest lag
AFTER_SPIKE_MS = 5000  # until it is usual again
COLUMNS = ('plcmos', 'estoi', 'wer', 'delay_ms', 'delay_max_ms', 'added_max_ms', 'lost',
           'real', 'concealed', 'stretched')


def spoken(path):
    """All recordings one after the other, twice: about a minute."""
    sound = array.array('h')
    for _ in range(2):
        for name in sorted(glob.glob(SPEECH + '/*.wav')):
            sound.extend(systems.read_wav(name)[1])
            sound.extend([0] * GAP_SAMPLES)
    systems.write_wav(path, sound, 16000)


def said(times=2):
    words = []
    with open(SPEECH + '/transcription', encoding='utf-8') as f:
        for line in sorted(f, key=lambda l: l.split('(')[1]):
            words += line.split('(')[0].replace('<s>', '').replace('</s>', '').split()
    return words * times


def errors(want, got):
    """Levenshtein distance in words."""
    row = list(range(len(got) + 1))
    for i, w in enumerate(want, 1):
        last, row[0] = row[0], i
        for j, g in enumerate(got, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (w != g))
    return row[-1]


def can_hear():
    return shutil.which('pocketsphinx_continuous') is not None


def heard_words(path):
    raw = path + '.16k.wav'
    rate, pcm = systems.read_wav(path)
    if rate == 48000:  # the speech has nothing above 8 kHz: a short average is filter enough
        pcm = array.array('h', [(pcm[i] + pcm[i + 1] + pcm[i + 2]) // 3
                                for i in range(0, len(pcm) - 2, 3)])
    systems.write_wav(raw, pcm, 16000)
    out = subprocess.run(['pocketsphinx_continuous', '-infile', raw, '-logfn', '/dev/null'],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    os.remove(raw)
    return out.stdout.decode().split()


def plcmos(folder, paths):
    if not folder or not shutil.which('node'):
        return {}
    out = subprocess.run(['node', folder + '/plcmos.mjs', '--json'] + paths,
                         stdout=subprocess.PIPE, check=True)
    scores = {}
    for item in json.loads(out.stdout):
        scores[os.path.abspath(item['file'])] = item['v2']
    return scores


def at_level(path, level_db):
    """A copy for the meter, beside it."""
    rate, pcm = systems.read_wav(path)
    out = path[:-4] + '-scored.wav'
    systems.write_wav(out, systems.louder(pcm, level_db), rate)
    return os.path.abspath(out)


def run(options, source, trace, seed):
    name = '%s/%s-%d' % (options.out, trace, seed)
    out = subprocess.run([options.build + '/bench/voice/voice_eval', '--trace', trace, '--seed',
                          str(seed), '--csv', name + '.csv'] + options.rest +
                         [source, name + '.wav'], stdout=subprocess.PIPE, check=True)
    row = json.loads(out.stdout.splitlines()[-1])
    like = subprocess.run([options.build + '/bench/likeness/likeness', '--json', source,
                           name + '.wav'], stdout=subprocess.PIPE, check=False)
    like = json.loads(like.stdout)
    row.update(trace=trace, seed=seed, wav=os.path.abspath(name + '.wav'),
               estoi=like['likeness'], estoi_fixed=like['estoi'], heard_delay_ms=like['delay_ms'])
    return row


def cell(values):
    values = [v for v in values if v is not None]
    if not values:
        return ''
    mean = statistics.fmean(values)
    return '%.0f' % mean if abs(mean) >= 20 else '%.2f' % mean if abs(mean) >= 2 else '%.3f' % mean


def broken_limits(rows):
    """1 if playing was ever later than it may be. A thin link's own queue is not its affair."""
    late = [r for r in rows if r['after_spike_ms'] > AFTER_SPIKE_MS or
            (r['added_max_ms'] > ADDED_MS and not r['trace'].startswith(('rate', 'turns')))]
    for r in late:
        print('too late: %(trace)s, seed %(seed)d: %(added_max_ms).0f ms added, '
              '%(after_spike_ms).0f ms after a spike' % r, file=sys.stderr)
    return 1 if late else 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--build', default='build/release')
    p.add_argument('--out', default='build/voice')
    p.add_argument('--plcmos')
    p.add_argument('--level', type=float, default=LEVEL_DB, metavar='DB',
                   help='PLCMOS is taken at this level (%(default)s)')
    p.add_argument('--traces', default=','.join(TRACES))
    p.add_argument('--seeds', type=int, default=2)
    p.add_argument('--words', action='store_true')
    p.add_argument('rest', nargs='*')
    options = p.parse_args()
    os.makedirs(options.out, exist_ok=True)
    source = options.out + '/spoken.wav'
    spoken(source)
    traces = options.traces.split(',')
    rows = [run(options, source, t, s + 1) for t in traces
            for s in range(1 if t in ('clean', 'drift+', 'drift-') else options.seeds)]
    marked = [at_level(r['wav'], options.level) if options.plcmos else None for r in rows]
    scores = plcmos(options.plcmos, marked)
    want = said()
    for r, wav in zip(rows, marked):
        r['plcmos'] = scores.get(wav)
        r['wer'] = errors(want, heard_words(r['wav'])) / len(want) if options.words else None
    with open(options.out + '/figures.csv', 'w', newline='', encoding='utf-8') as f:
        names = sorted({k for r in rows for k in r})
        w = csv.DictWriter(f, names)
        w.writeheader()
        w.writerows(rows)
    print('| trace | ' + ' | '.join(COLUMNS) + ' |')
    print('|---' * (1 + len(COLUMNS)) + '|')
    for t in traces:
        these = [r for r in rows if r['trace'] == t]
        print('| %s | ' % t + ' | '.join(cell([r.get(c) for r in these]) for c in COLUMNS) + ' |')
    return broken_limits(rows)


if __name__ == '__main__':
    sys.exit(main())
