/* Run directories for the tests of this folder, written line by line. */
#ifndef TESTS_VIEW_RUN_FILES_H
#define TESTS_VIEW_RUN_FILES_H

#include "tests/support/test.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/tempdir.h"

/* A group's setup: the tests run in a directory of their own. */
static inline int enter_tempdir(void **state) {
    return tempdir_open(state) || chdir(tempdir);
}

/* Appends to (or with mode "w" replaces) a file of the run. */
static inline void write_file(const char *run, const char *name, const char *mode,
                              const char *format, ...) {
    char path[512];
    va_list arguments;
    mkdir(run, 0777);
    snprintf(path, sizeof path, "%s/%s", run, name);
    FILE *f = fopen(path, mode);
    assert_non_null(f);
    va_start(arguments, format);
    vfprintf(f, format, arguments);
    va_end(arguments);
    fclose(f);
}

#endif
