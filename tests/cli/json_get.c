// SPDX-License-Identifier: Apache-2.0
// json_get PATH: reads one JSON value from standard input and prints what is at PATH: names and
// indices with dots between them, "#" for the length of an array, "." for all. Nothing after the
// value is allowed. Exit 1: not valid JSON; 2: nothing there.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *step(json_t *at, const char *name)
{
    return json_is_array(at) ? json_array_get(at, strtoul(name, NULL, 10))
                             : json_object_get(at, name);
}

static int print(const json_t *value)
{
    if (json_is_string(value)) {
        puts(json_string_value(value));
    } else {
        json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
        putchar('\n');
    }
    return 0;
}

int main(int argc, char **argv)
{
    json_error_t error;
    json_t *root = json_loadf(stdin, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (argc != 2 || root == NULL) {
        fprintf(stderr, "json_get: %s\n", argc != 2 ? "a path is needed" : error.text);
        return 1;
    }
    json_t *at = root;
    int result = -1;
    for (char *name = strtok(argv[1], "."); name != NULL && at != NULL; name = strtok(NULL, ".")) {
        if (strcmp(name, "#") == 0 && json_is_array(at)) {
            printf("%zu\n", json_array_size(at));
            result = 0;
            break;
        }
        at = step(at, name);
    }
    if (result != 0) {
        result = at != NULL ? print(at) : 2;
    }
    json_decref(root);
    return result;
}
