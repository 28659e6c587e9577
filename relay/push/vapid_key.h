// SPDX-License-Identifier: Apache-2.0
// The key by which push services know a relay, as text. Made once: browsers bind their
// subscriptions to it.
#ifndef SOTTO_PUSH_VAPID_KEY_H
#define SOTTO_PUSH_VAPID_KEY_H

#define VAPID_PEM_MAX_BYTES     512
#define VAPID_PUBLIC_TEXT_BYTES 88 // base64url of the point, and the NUL

// A fresh P-256 key in PEM. 0, SOTTO_ECRYPTO, SOTTO_ESPACE.
int vapid_make(char pem[VAPID_PEM_MAX_BYTES]);
// What a page gives to PushManager.subscribe. 0, SOTTO_EINVAL (not such a key), SOTTO_ECRYPTO.
int vapid_public(const char *pem, char out[VAPID_PUBLIC_TEXT_BYTES]);

#endif
