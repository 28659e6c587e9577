// SPDX-License-Identifier: Apache-2.0
#include "phone_impl.h"

// Ringing while the page is closed.
int phone_push(struct phone *p, const json_t *args, json_t **result)
{
    (void)p;
    (void)args;
    (void)result;
    return SOTTO_ESTATE; // TODO: sotto_device_push
}
