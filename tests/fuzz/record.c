/* libFuzzer target for lmtrain.json, by which an export knows its files again: make fuzz T=record.
 * Whatever it says, files that it does not list stay, and so does all outside of the directory. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "interop/files.h"
#include "tests/support/tempdir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* [0] the directory, [1] its record, [2] a file of somebody else in it, [3] one beside it, [4] what
 * an export writes */
static char *paths[5];

static void make_paths(void) {
    static const char *const names[] = {LM_INTEROP_RECORD, "notes.txt", "../outside", "a.txt"};
    char *top = lm_test_tempdir();
    paths[0] = lm_file_join(top, "out");
    lm_error err;
    if (!paths[0] || lm_file_make_directory(paths[0], &err) != LM_OK) abort();
    for (int i = 0; i < 4; i++)
        if (!(paths[i + 1] = lm_file_join(paths[0], names[i]))) abort();
    free(top);
}

static void put(const char *path, const void *bytes, size_t size) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0) abort();
}

static bool lists(const lm_interop_files *f, const char *name) {
    for (size_t i = 0; i < f->n_known; i++)
        if (strcmp(f->known[i].name, name) == 0) return true;
    return false;
}

/* An export over what the record lists. */
static void export_over(lm_interop_files *f) {
    lm_error err;
    lm_interop_files again;
    const lm_text about = {.data = (char *)(uintptr_t) "{}", .length = 2}, *text = &about;
    const bool listed = lists(f, "notes.txt");
    lm_status status = lm_interop_files_add(f, "a.txt", text, &err);
    if (status == LM_OK) status = lm_interop_files_record(f, &about, &err);
    if (status == LM_OK) status = lm_interop_files_commit(f, &about, &err);
    if (!listed && !lm_file_exists(paths[2])) abort();
    if (status != LM_OK) return;
    if (!lm_file_exists(paths[4])) abort();
    if (lm_interop_files_open(&again, paths[0], false, &err) != LM_OK) abort();
    if (again.n_known != 1 || !lists(&again, "a.txt")) abort();
    lm_interop_files_close(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lm_error err;
    lm_interop_files f;
    if (!paths[0]) make_paths();
    put(paths[1], data, size);
    put(paths[2], "notes", 5);
    put(paths[3], "outside", 7);
    (void)remove(paths[4]);
    if (lm_interop_files_open(&f, paths[0], false, &err) != LM_OK) return 0;
    for (size_t i = 0; i < f.n_known; i++)
        if (!f.known[i].name) abort();
    char *path = lm_interop_files_path(&f, "notes.txt", &err);
    if (path && !lists(&f, "notes.txt")) abort();
    bool taken = path != NULL;
    free(path);
    if (!taken && size % 4 == 0) export_over(&f);
    lm_interop_files_close(&f);
    if (!lm_file_exists(paths[3])) abort();
    return 0;
}
