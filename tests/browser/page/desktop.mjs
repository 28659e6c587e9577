// SPDX-License-Identifier: Apache-2.0
// The desktop around a browser, as far as notifications go: a D-Bus session of the test's own, and Debian's
// python3-dbusmock as who shows them (org.freedesktop.Notifications). What is clicked there is a real click.
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { Program, until } from './stage.mjs';

const BUS = '/usr/bin/dbus-daemon', GDBUS = '/usr/bin/gdbus', PYTHON = '/usr/bin/python3'; // Debian's own Python
const MOCK = '/usr/lib/python3/dist-packages/dbusmock';
const NAME = 'org.freedesktop.Notifications', PATH = '/org/freedesktop/Notifications';
// Chromium asks for these, or shows notifications by itself.
const ABLE = JSON.stringify({ capabilities: 'actions body' });

const run = promisify(execFile);

// What this machine lacks for it, or undefined.
export function lacks() {
  const away = [BUS, GDBUS, PYTHON, MOCK].filter((path) => !existsSync(path));
  return away.length > 0 ? `there is no ${away}: make deps` : undefined;
}

// Nothing is started by being asked for: there is no service but ours.
const configuration = (socket) => `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=${socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>`;

export class Desktop {
  async open(directory) {
    const file = join(directory, 'bus.conf');
    writeFileSync(file, configuration(join(directory, 'bus')));
    this.bus = new Program('the bus', BUS, [`--config-file=${file}`, '--nofork', '--print-address']);
    const { text } = await this.bus.waitFor('text');
    this.environment = { DBUS_SESSION_BUS_ADDRESS: text };
    const mock = ['-u', '-m', 'dbusmock', '--session', '--template', 'notification_daemon', '--parameters', ABLE];
    this.mock = new Program('the desktop', PYTHON, mock, { environment: this.environment });
    await this.#gdbus('wait', '--session', '--timeout', '15', NAME);
    return this;
  }

  #gdbus(...words) {
    return run(GDBUS, words, { env: { ...process.env, ...this.environment } });
  }

  #said() {
    return this.mock.seen.map((e) => e.text).join('\n');
  }

  // All that were shown so far, oldest first: { id, title, text }.
  shown() {
    const calls = [...this.#said().matchAll(/ Notify "[^"]*" (\d+) "[^"]*" "([^"]*)" "([^"]*)"/g)];
    let last = 0;
    // One that takes another's place has its number.
    return calls.map(([, replaces, title, text]) => ({ id: Number(replaces) || ++last, title, text }));
  }

  // Those that the browser has taken away itself.
  takenAway() {
    return [...this.#said().matchAll(/ CloseNotification (\d+)/g)].map(([, id]) => Number(id));
  }

  // The nth notification.
  async shows(n = 1) {
    await until(`notification ${n}`, () => this.shown().length >= n);
    return this.shown()[n - 1];
  }

  async click({ id }) {
    await this.#gdbus('call', '--session', '--dest', NAME, '--object-path', PATH, '--method',
      'org.freedesktop.DBus.Mock.EmitSignal', NAME, 'ActionInvoked', 'us', `[<uint32 ${id}>, <'default'>]`);
  }

  async close() {
    await this.mock?.stop();
    await this.bus?.stop();
  }
}
