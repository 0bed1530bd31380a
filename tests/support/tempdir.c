#include "tests/support/tempdir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *lm_test_tempdir(void) {
    const char *base = getenv("TMPDIR");
    if (!base || !*base) base = "/tmp";
    static const char suffix[] = "/lmtrain-test.XXXXXX";
    char *path = malloc(strlen(base) + sizeof suffix);
    if (!path) abort();
    strcpy(path, base);
    strcat(path, suffix);
    if (!mkdtemp(path)) {
        perror(path);
        abort();
    }
    return path;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

void lm_test_tempdir_free(char *path) {
    if (path) nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

char *tempdir;

int tempdir_open(void **state) {
    (void)state;
    tempdir = lm_test_tempdir();
    return 0;
}

int tempdir_close(void **state) {
    (void)state;
    lm_test_tempdir_free(tempdir);
    tempdir = NULL;
    return 0;
}
