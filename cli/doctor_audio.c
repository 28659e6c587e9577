// SPDX-License-Identifier: Apache-2.0
#include "doctor.h"

void doctor_audio(struct doctor *d)
{
    (void)d;
}
