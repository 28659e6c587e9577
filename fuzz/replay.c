/*
 * Stands in for libFuzzer where the compiler has none: runs a fuzz target on each file of the
 * directories and on each file named, and on the empty input.
 */
#include "fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* libFuzzer's own default limit for an input. */
#define REPLAY_INPUT_MAX_BYTES (1024u * 1024u)

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    /* Exactly sized, so that a read past the end is seen by the sanitizer. */
    uint8_t *buffer = malloc(REPLAY_INPUT_MAX_BYTES);
    uint8_t *exact = NULL;
    int rv = -1;
    if (buffer == NULL) {
        goto done;
    }
    size_t size = fread(buffer, 1, REPLAY_INPUT_MAX_BYTES, file);
    if (ferror(file)) {
        perror(path);
        goto done;
    }
    exact = realloc(buffer, size > 0 ? size : 1);
    if (exact == NULL) {
        goto done;
    }
    buffer = NULL;
    LLVMFuzzerTestOneInput(exact, size);
    rv = 0;
done:
    free(exact);
    free(buffer);
    fclose(file);
    return rv;
}

/* Returns the number of files replayed, or -1. */
static int replay_path(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        return -1;
    }
    if (!S_ISDIR(st.st_mode)) {
        return replay_file(path) == 0 ? 1 : -1;
    }
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    if (n < 0) {
        perror(path);
        return -1;
    }
    int replayed = 0;
    for (int i = 0; i < n; ++i) {
        char child[PATH_MAX];
        int length = snprintf(child, sizeof(child), "%s/%s", path, entries[i]->d_name);
        int hidden = entries[i]->d_name[0] == '.';
        free(entries[i]);
        if (hidden || replayed < 0) {
            continue;
        }
        int rv = length < (int)sizeof(child) ? replay_path(child) : -1;
        replayed = rv < 0 ? -1 : replayed + rv;
    }
    free(entries);
    return replayed;
}

int main(int argc, char **argv)
{
    static const uint8_t nothing[1];
    int total = 1;
    LLVMFuzzerTestOneInput(nothing, 0);
    for (int i = 1; i < argc; ++i) {
        int rv = replay_path(argv[i]);
        if (rv < 0) {
            return EXIT_FAILURE;
        }
        total += rv;
    }
    printf("%d inputs\n", total);
    return EXIT_SUCCESS;
}
