// SPDX-License-Identifier: Apache-2.0
// Line drawings on a 24 × 24 grid, in the colour of the text. They never stand without a text or a label.

const PATHS = {
  phone: 'M6.6 3.5 9 8.4 7.2 10a12.5 12.5 0 0 0 6.8 6.8l1.6-1.8 4.9 2.4c-.2 2-1.6 3.6-3.6 3.6C9.700 21 3 14.300 3 7.100c0-2 1.600-3.400 3.600-3.600Z',
  hangup: 'M2.500 14.500c0-2.500 4-5 9.500-5s9.500 2.500 9.500 5v2l-5-.7-.8-3a13 13 0 0 0-7.400 0l-.8 3-5 .7Z',
  mic: 'M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3ZM5.500 11a6.500 6.500 0 0 0 13 0M12 17.500V21',
  micoff: 'M9 9v2a3 3 0 0 0 4.600 2.500M15 10.500V6a3 3 0 0 0-5.800-1M5.500 11a6.500 6.500 0 0 0 10 5.500M18.500 11a6 6 0 0 1-.5 2.500M12 17.500V21M4 4l16 16',
  pause: 'M8.500 5v14M15.500 5v14',
  play: 'M8 5v14l11-7Z',
  speaker: 'M4 9.500v5h3.500L12 18.500v-13L7.500 9.500ZM15.500 9a4.500 4.500 0 0 1 0 6M18 6.500a8 8 0 0 1 0 11',
  shield: 'M12 3 5 5.700v5.600c0 4.400 2.900 7.900 7 9.700 4.100-1.800 7-5.300 7-9.700V5.700Z',
  check: 'm5 12.500 4.500 4.500L19 7.500',
  shieldcheck: 'M12 3 5 5.700v5.600c0 4.400 2.900 7.900 7 9.700 4.100-1.800 7-5.300 7-9.700V5.700ZM8.700 12l2.300 2.300 4.300-4.400',
  warning: 'M12 4 2.800 20h18.400ZM12 10v4.500M12 17.300v.2',
  people: 'M9 11.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7ZM2.500 20c0-3.600 2.900-6 6.500-6s6.500 2.400 6.500 6M16 11a3.300 3.300 0 0 0 0-6M18 14.500c2.200.8 3.500 2.800 3.500 5.500',
  ticket: 'M3 7h18v3.500a1.800 1.800 0 0 0 0 3.500V17H3v-3a1.800 1.800 0 0 0 0-3.500ZM9.500 7v10',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 7v5.200l3.300 2',
  gear: 'M4 7h9M17 7h3M15 9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM4 17h3M11 17h9M9 19.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5Z',
  plus: 'M12 5v14M5 12h14',
  back: 'M15 5l-7 7 7 7',
  next: 'M9 5l7 7-7 7',
  in: 'M18 6 7 17M7 9v8h8',
  out: 'M6 18 17 7M9 7h8v8',
  missed: 'm5 6 7 7 7-7M5 6h5M5 6v5M4 19h16',
  copy: 'M9 9h11v11H9ZM5 15H4V4h11v1',
  share: 'M12 15V4M8 7.500 12 3.500l4 4M6 11H5v9.500h14V11h-1',
  moon: 'M20 14.500A8.300 8.300 0 0 1 9.500 4a8.300 8.300 0 1 0 10.500 10.500Z',
  bell: 'M6 16V11a6 6 0 0 1 12 0v5l1.500 2h-15ZM10 20.500a2.200 2.200 0 0 0 4 0',
  lock: 'M6 11h12v9.500H6ZM8.500 11V8a3.500 3.500 0 0 1 7 0v3',
  key: 'M8 18.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9ZM11.500 11 20 3.500M17 6.200l2.500 2.500',
  words: 'M4 5h16v11H10l-4 4v-4H4ZM8 9h8M8 12h5',
  swap: 'M7 4 3.500 7.500 7 11M3.500 7.500H17M17 13l3.500 3.500L17 20M20.500 16.500H7',
  close: 'M6 6l12 12M18 6 6 18',
  print: 'M7 9V3.500h10V9M7 17H4V9h16v8h-3M7 14h10v6.500H7Z',
  download: 'M12 4v11M8 11.500l4 4 4-4M5 20h14',
  trash: 'M5 7h14M10 7V4.500h4V7M7 7l.8 13h8.400L17 7',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 11v5.500M12 7.500v.2',
  globe: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM3 12h18M12 3c2.500 2.600 3.700 5.600 3.700 9s-1.200 6.400-3.700 9c-2.500-2.600-3.700-5.600-3.700-9S9.500 5.600 12 3Z',
  half: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 3v18M12 8h7.500M12 12h9M12 16h7.500',
} as const
export type IconName = keyof typeof PATHS

// Arrows that say "back" and "on" point the other way where one reads from right to left.
const MIRRORED = new Set<IconName>(['back', 'next', 'out', 'in', 'swap'])

export function Icon({ name, size = 24 }: { name: IconName; size?: number }) {
  return (
    <svg class={MIRRORED.has(name) ? 'icon mirrored' : 'icon'} width={size} height={size} viewBox="0 0 24 24"
      aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}

/** The house's sign: a straight line between two points. */
export function Mark({ size = 40 }: { size?: number }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 40 40" aria-hidden="true" focusable="false">
      <rect width="40" height="40" rx="11" />
      <path d="M12 20h16" />
      <circle cx="11.500" cy="20" r="4.500" />
      <circle cx="28.500" cy="20" r="4.500" />
    </svg>
  )
}
