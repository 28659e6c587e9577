// SPDX-License-Identifier: Apache-2.0
#include "phone_impl.h"

int phone_backup(struct phone *p, const json_t *args, json_t **result)
{
    (void)p;
    (void)args;
    (void)result;
    return SOTTO_ESTATE;
}
int phone_kit(struct phone *p, const json_t *args, json_t **result)
{
    return phone_backup(p, args, result);
}
int phone_restore(struct phone *p, const json_t *args, json_t **result)
{
    return phone_backup(p, args, result);
}
