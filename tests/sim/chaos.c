// SPDX-License-Identifier: Apache-2.0
#include "sim.h"
void chaos_user(struct person *p){(void)p;}
void chaos_run(struct sim *s, unsigned calls){(void)s;(void)calls;}
