/* libFuzzer target for what a report is made of: make fuzz T=metrics. The bytes are a metrics.jsonl
 * and, behind a zero byte, a leaderboard.json. What comes out is a page whose data is JSON. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "containers/json_tree.h"
#include "report/targets.h"
#include "view/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[64];

static void clean_up(void) {
    char path[128];
    static const char *const names[] = {"metrics.jsonl", "leaderboard.json"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
    rmdir(directory);
}

static void put(const char *name, const uint8_t *data, size_t size) {
    char path[128];
    if (!*directory) {
        snprintf(directory, sizeof directory, "/tmp/lmtrain-fuzz-%ld", (long)getpid());
        mkdir(directory, 0777);
        atexit(clean_up);
    }
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "w");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0) abort();
}

/* Steps at which losses were reached come out of the same lines. */
static void check_targets(void) {
    char path[128];
    lm_error err;
    lm_targets t;
    lm_text text = {0};
    lm_json_writer w = {.out = &text};
    const double losses[] = {1.5, 2.5, 2.0};
    snprintf(path, sizeof path, "%s/metrics.jsonl", directory);
    lm_targets_begin(&t, losses, 3);
    if (lm_targets_read(&t, path, &err) != LM_OK) abort();
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_targets_write(&t, 6e6, &w);
    lm_json_end(&w);
    lm_json_node *root;
    if (lm_json_tree_read(&root, "targets", text.data, text.length, NULL, &err) != LM_OK) abort();
    lm_json_tree_free(root);
    for (int i = 0; i < 3; i++) lm_target_print(&t.items[i], 6e6, &text);
    lm_text_free(&text);
}

static void check_page(const lm_text *page) {
    static const char begin[] = "id=\"data\">";
    lm_error err;
    lm_json_node *root;
    const char *text = lm_text_cstr(page), *from = strstr(text, begin);
    const char *to = from ? strchr(from, '<') : NULL;
    if (!to || strlen(text) != page->length || strchr(text, '\033')) abort();
    from += sizeof begin - 1;
    if (lm_json_tree_read(&root, "page", from, (size_t)(to - from), NULL, &err) != LM_OK) abort();
    lm_json_tree_free(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lm_error err;
    lm_view_run run;
    lm_view_sweep sweep;
    lm_text page = {0};
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t first = zero ? (size_t)(zero - data) : size;
    put("metrics.jsonl", data, first);
    check_targets();
    if (lm_view_run_open(&run, directory, &err) != LM_OK) abort();
    if (lm_view_run_read(&run, &err) != LM_OK) abort();
    if (lm_page_print(&(lm_page){.runs = &run, .n_runs = 1}, &page, &err) != LM_OK) abort();
    check_page(&page);
    put("leaderboard.json", zero ? zero + 1 : data, zero ? size - first - 1 : 0);
    if (lm_view_sweep_read(&sweep, directory, &err) == LM_OK) {
        page.length = 0;
        if (lm_page_print(&(lm_page){.runs = &run, .n_runs = 1, .sweep = &sweep}, &page, &err))
            abort();
        check_page(&page);
        lm_view_sweep_free(&sweep);
    }
    lm_text_free(&page);
    lm_view_run_free(&run);
    return 0;
}
