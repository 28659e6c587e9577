// SPDX-License-Identifier: Apache-2.0
#include "cli.h"
#include "harden.h"

#include <locale.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    harden_process();
    setlocale(LC_ALL, "");
    int code = cli_main(argc, argv);
    // What could not be written out was not told: a script must not take it for a success.
    if (fflush(stdout) != 0 && code == CLI_OK) {
        perror("sotto: standard output");
        code = CLI_FAILED;
    }
    return code;
}
