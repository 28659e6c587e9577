// SPDX-License-Identifier: Apache-2.0
// Two people swap numbers by a spoken code: the words picked right, and wrong.
import { Telephone } from './telephone.mjs';

async function meet(scene) {
  const ada = await Telephone.withLine(scene, 'Ada', { voice: '0870' });
  const bob = await Telephone.withLine(scene, 'Bob', { voice: '0920' });
  const code = await ada.exchange('Bob');
  await bob.exchange('Ada', code);
  const [adaSays, bobSays] = [await ada.saysWords(), await bob.saysWords()];
  return { ada, bob, adaSays, bobSays };
}

export function exchangeTests(scene) {
  scene.scenario('two tabs exchange numbers', async () => {
    const { ada, bob, adaSays, bobSays } = await meet(scene);
    await ada.picks(bobSays);
    await bob.picks(adaSays);
    for (const [phone, other] of [[ada, 'Bob'], [bob, 'Ada']]) {
      await phone.seesHeading('exchange.done');
      await phone.press('done');
      await phone.sees('contact.verified');
      await phone.button('contact.call', { name: other }).waitFor();
    }
    await bob.callContact('Ada');
    await ada.rings('Bob');
    await ada.sees('incoming.verified');
    await ada.answer();
    await bob.talks();
    await bob.sees('security.verified');
    await bob.hangUp();
  });

  scene.scenario('an exchange with the wrong words', async () => {
    const { ada, bob, bobSays } = await meet(scene);
    await ada.picks(bobSays, true);
    for (const phone of [ada, bob]) {
      await phone.seesHeading('exchange.failed');
      await phone.press('done');
      await phone.sees('contacts.empty');
    }
  });
}
