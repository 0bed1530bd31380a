#include "bench/merge.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "bench/compare.h"

enum { MOST_BYTES = 1 << 22 };

/* ---- rows -------------------------------------------------------------------------------------*/

static const char *name_of(const lm_json_node *row) {
    const lm_json_node *name = lm_json_node_member(row, "name");
    return name && name->string ? name->string : "";
}

static const lm_json_node *find(const lm_json_node *rows, const char *name) {
    for (const lm_json_node *r = rows ? rows->child : NULL; r; r = r->next)
        if (strcmp(name_of(r), name) == 0) return r;
    return NULL;
}

/* NAN: the row has no such number. */
static double number_of(const lm_json_node *row, const char *key) {
    const lm_json_node *n = lm_json_node_member(row, key);
    return n && n->kind == LM_JSON_NUMBER ? n->number : (double)NAN;
}

/* How much a row is worth: measured in quiet, marked, or without a figure. */
typedef enum worth { NOTHING, MARKED, QUIET } worth;

static worth worth_of(const lm_json_node *row, const char *figure) {
    if (isnan(number_of(row, figure))) return NOTHING;
    return lm_json_node_member(row, "marks") ? MARKED : QUIET;
}

/* Does the row that was there stay, rather than the one of the run? */
static bool stays(const lm_json_node *old, const lm_json_node *now, int section) {
    const char *figure = lm_bench_figure_name((lm_bench_section)section);
    if (section == LM_BENCH_MACHINE && strcmp(name_of(old), LM_BENCH_WORD_NAME) == 0)
        return number_of(old, "best_seconds") < number_of(now, "best_seconds");
    worth before = worth_of(old, figure), is = worth_of(now, figure);
    if (before != is) return before > is;
    return number_of(old, figure) > number_of(now, figure); /* without figures: false */
}

/* ---- reading ----------------------------------------------------------------------------------*/

static lm_status wrong_file(const char *path, lm_error *err) {
    return lm_error_set(err, LM_ERR_RUNTIME,
                        "%s: expected what lmtrain bench --json or --record wrote, found something"
                        " else",
                        path);
}

/* An object in which each section that is there is an array of objects that have a name. */
static bool is_of_rows(const lm_json_node *root) {
    if (root->kind != LM_JSON_OBJECT) return false;
    for (int i = 0; lm_bench_section_name(i); i++) {
        const lm_json_node *rows = lm_json_node_member(root, lm_bench_section_name(i));
        if (rows && rows->kind != LM_JSON_ARRAY) return false;
        for (const lm_json_node *r = rows ? rows->child : NULL; r; r = r->next)
            if (!*name_of(r)) return false;
    }
    return true;
}

static lm_status check_text(const lm_bench_merge *m, const char *key, const char *expected,
                            lm_error *err) {
    const lm_json_node *n = lm_json_node_member(m->root, key);
    if (!n || !n->string) return wrong_file(m->path, err);
    if (strcmp(n->string, expected) == 0) return LM_OK;
    return lm_error_set(
        err, LM_ERR_USAGE,
        "%s: --record: expected rows with \"%s\" \"%s\", as here, found \"%s\"; give"
        " another file",
        m->path, key, expected, n->string);
}

static lm_status check_maker(const lm_bench_merge *m, const lm_bench_maker *maker, lm_error *err) {
    double threads = number_of(m->root, "threads");
    lm_status status;
    if ((status = check_text(m, "cpu", maker->cpu, err)) != LM_OK) return status;
    if ((status = check_text(m, "isas", maker->isas, err)) != LM_OK) return status;
    if (isnan(threads)) return wrong_file(m->path, err);
    if (threads == maker->threads) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: --record: expected rows of %d thread%s, as here, found %.0f; give"
                        " another file",
                        m->path, maker->threads, maker->threads == 1 ? "" : "s", threads);
}

static lm_status read_file(lm_bench_merge *m, const lm_bench_maker *maker, lm_error *err) {
    lm_status status = lm_file_read(m->path, MOST_BYTES, &m->text, err);
    if (status != LM_OK) return status;
    status =
        lm_json_tree_read(&m->root, m->path, lm_text_cstr(&m->text), m->text.length, NULL, err);
    if (status != LM_OK) return status;
    if (!is_of_rows(m->root)) return wrong_file(m->path, err);
    const lm_json_node *machine = lm_json_node_member(m->root, "machine");
    double least = fmin(number_of(m->root, LM_BENCH_WORD_KEY),
                        number_of(find(machine, LM_BENCH_WORD_NAME), "best_seconds"));
    m->word = least > 0 ? least : 0; /* NAN: there is none */
    return check_maker(m, maker, err);
}

lm_status lm_bench_merge_open(lm_bench_merge *m, const char *path, const lm_bench_maker *maker,
                              lm_error *err) {
    lm_file_writer w;
    *m = (lm_bench_merge){.path = path};
    if (lm_file_exists(path)) {
        lm_status status = read_file(m, maker, err);
        if (status != LM_OK) return status;
    }
    lm_status status = lm_file_writer_open(&w, path, err); /* rather now than after minutes */
    if (status == LM_OK) lm_file_writer_abort(&w);
    return status;
}

void lm_bench_merge_free(lm_bench_merge *m) {
    lm_json_tree_free(m->root);
    lm_text_free(&m->text);
    *m = (lm_bench_merge){0};
}

/* ---- writing ----------------------------------------------------------------------------------*/

/* The rows of both, being written. */
typedef struct join {
    const char *old, *now; /* the texts that nodes stand in */
    bool whole;
    int put, kept, dropped; /* rows of the run; those that stay in place of one; those dropped */
    const char *first;      /* of those kept */
    lm_json_writer w;
} join;

static void put_node(join *j, const char *key, const char *text, const lm_json_node *n) {
    lm_json_text(&j->w, key, text + n->at, n->end - n->at);
}

/* A row of the run, or the one that stays in its place. */
static void put_row(join *j, int section, const lm_json_node *old, const lm_json_node *now) {
    const bool stay = old && stays(old, now, section);
    put_node(j, NULL, stay ? j->old : j->now, stay ? old : now);
    if (stay && j->kept++ == 0) j->first = name_of(old);
    if (!stay) j->put++;
}

static bool has_skipped(const lm_json_node *rows) {
    for (const lm_json_node *r = rows->child; r; r = r->next)
        if (lm_json_node_member(r, "skipped")) return true;
    return false;
}

/* Rows that were there, in their order, then those that are new. */
static void put_section(join *j, int section, const lm_json_node *old, const lm_json_node *now) {
    const bool whole = j->whole && now && !has_skipped(now);
    if (!old && !now) return;
    lm_json_array(&j->w, lm_bench_section_name(section), LM_JSON_LINES);
    for (const lm_json_node *r = old ? old->child : NULL; r; r = r->next) {
        const lm_json_node *same = find(now, name_of(r));
        if (same)
            put_row(j, section, r, same);
        else if (whole)
            j->dropped++;
        else
            put_node(j, NULL, j->old, r);
    }
    for (const lm_json_node *r = now ? now->child : NULL; r; r = r->next)
        if (!find(old, name_of(r))) put_row(j, section, NULL, r);
    lm_json_end(&j->w);
}

/* On what the run was made: its texts and numbers. What the host did meanwhile is of one run. */
static void put_head(join *j, const lm_json_node *now) {
    for (const lm_json_node *n = now->child; n; n = n->next)
        if (n->kind == LM_JSON_STRING || n->kind == LM_JSON_NUMBER) put_node(j, n->key, j->now, n);
}

static void say(const join *j, const char *path, lm_text *said) {
    lm_text_say(said, "\n%s: %d row%s recorded\n", path, j->put, j->put == 1 ? "" : "s");
    if (j->kept > 0)
        lm_text_say(said,
                    "not replaced: %d row%s that %s faster or less disturbed by the host before,"
                    " the first: %s\n",
                    j->kept, j->kept == 1 ? "" : "s", j->kept == 1 ? "was" : "were", j->first);
    if (j->dropped > 0)
        lm_text_say(said, "dropped: %d row%s that lmtrain bench measures no more\n", j->dropped,
                    j->dropped == 1 ? "" : "s");
}

lm_status lm_bench_merge_write(const lm_bench_merge *m, const char *json, size_t size, double word,
                               bool whole, lm_text *said, lm_error *err) {
    lm_json_node *now = NULL;
    lm_text joined = {0};
    join j = {.old = lm_text_cstr(&m->text), .now = json, .whole = whole, .w.out = &joined};
    lm_status status = lm_json_tree_read(&now, "the rows measured", json, size, NULL, err);
    if (status != LM_OK) goto out;
    lm_json_object(&j.w, NULL, LM_JSON_LINES);
    put_head(&j, now);
    if (word > 0) lm_json_number(&j.w, LM_BENCH_WORD_KEY, word);
    for (int i = 0; lm_bench_section_name(i); i++) {
        const char *name = lm_bench_section_name(i);
        put_section(&j, i, m->root ? lm_json_node_member(m->root, name) : NULL,
                    lm_json_node_member(now, name));
    }
    lm_json_end(&j.w);
    lm_text_append(&joined, "\n", 1);
    status = joined.failed ? lm_error_no_memory(err, m->path)
                           : lm_file_replace(m->path, lm_text_cstr(&joined), joined.length, err);
    if (status == LM_OK) say(&j, m->path, said);
out:
    lm_json_tree_free(now);
    lm_text_free(&joined);
    return status;
}
