#include "view/csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/numbers.h"
#include "view/line.h"

enum { PART = 1 << 16, MOST_COLUMNS = 16384 };

typedef struct table {
    char **names; /* [n_columns] */
    int64_t n_columns, capacity;
    double *row;    /* [n_columns]: of the step at hand; NaN: no value */
    lm_line merged; /* of it: step, tokens, seconds */
    bool any;       /* there is a step at hand */
    const char *run;
    lm_text out;
    lm_csv_sink *sink;
    void *to;
} table;

/* ---- lines ------------------------------------------------------------------------------------*/

typedef lm_status line_taker(table *t, const lm_line *line, lm_error *err);

static lm_status each_line(table *t, const char *run, line_taker *take, lm_error *err) {
    char *path = lm_file_join(run, "metrics.jsonl"), *text = NULL;
    size_t capacity = 0;
    lm_line line = {0};
    lm_status status = LM_OK;
    FILE *file = path ? fopen(path, "re") : NULL;
    if (!path) {
        status = lm_error_no_memory(err, run);
    } else if (!file) {
        status = lm_error_call(err, path, "open");
    }
    for (ssize_t n; file && status == LM_OK && (n = getline(&text, &capacity, file)) > 0;) {
        if (text[n - 1] != '\n') break; /* it is being written */
        if (lm_line_read(&line, text, (size_t)n - 1)) status = take(t, &line, err);
        if (line.failed) status = lm_error_no_memory(err, path);
    }
    if (file && status == LM_OK && ferror(file)) status = lm_error_call(err, path, "read");
    if (file) fclose(file);
    free(text);
    lm_line_free(&line);
    free(path);
    return status;
}

/* ---- columns ----------------------------------------------------------------------------------*/

static int64_t find_column(const table *t, const char *name, int64_t hint) {
    for (int64_t i = 0; i < t->n_columns; i++) {
        int64_t at = (hint + i) % t->n_columns;
        if (strcmp(t->names[at], name) == 0) return at;
    }
    return -1;
}

static lm_status take_columns(table *t, const lm_line *line, lm_error *err) {
    int64_t hint = 0;
    for (int64_t i = 0; i < line->n_values; i++) {
        int64_t at = find_column(t, lm_line_name(line, i), hint);
        hint = at + 1;
        if (at >= 0 || t->n_columns >= MOST_COLUMNS) continue;
        if (t->n_columns == t->capacity) {
            int64_t capacity = lm_max(64, 2 * t->capacity);
            char **grown = realloc(t->names, (size_t)capacity * sizeof *grown);
            if (!grown) return lm_error_no_memory(err, "columns");
            t->names = grown;
            t->capacity = capacity;
        }
        char *copy = strdup(lm_line_name(line, i));
        if (!copy) return lm_error_no_memory(err, "columns");
        t->names[t->n_columns++] = copy;
    }
    return LM_OK;
}

/* ---- rows -------------------------------------------------------------------------------------*/

void lm_csv_text(lm_text *out, const char *text, const char *guard) {
    lm_text shown = {0};
    bool formula = *text && strchr("=+-@", *text);
    lm_text_say(&shown, "%s%s", formula ? guard : "", text);
    bool quoted = shown.length > 0 && strpbrk(lm_text_cstr(&shown), "\",") != NULL;
    if (quoted) lm_text_append(out, "\"", 1);
    for (size_t i = 0; i < shown.length; i++) {
        if (shown.data[i] == '"') lm_text_append(out, "\"", 1);
        lm_text_append(out, &shown.data[i], 1);
    }
    if (quoted) lm_text_append(out, "\"", 1);
    out->failed |= shown.failed;
    lm_text_free(&shown);
}

static void put_number(lm_text *out, double x) {
    lm_text_append(out, ",", 1);
    if (isfinite(x)) lm_text_json_number(out, x);
}

static lm_status pass_on(table *t, size_t limit, lm_error *err) {
    if (t->out.failed) return lm_error_no_memory(err, t->run);
    if (t->out.length < limit) return LM_OK;
    lm_status status = t->sink(t->to, &t->out, err);
    t->out.length = 0;
    return status;
}

static lm_status put_row(table *t, lm_error *err) {
    if (!t->any) return LM_OK;
    t->any = false;
    lm_csv_text(&t->out, t->run, "./");
    lm_text_printf(&t->out, ",%lld", (long long)t->merged.step);
    put_number(&t->out, t->merged.tokens);
    put_number(&t->out, t->merged.seconds);
    for (int64_t i = 0; i < t->n_columns; i++) put_number(&t->out, t->row[i]);
    lm_text_append(&t->out, "\n", 1);
    return pass_on(t, PART, err);
}

/* Lines of one step, its figures, its evaluation, its layers, make one row. */
static lm_status take_row(table *t, const lm_line *line, lm_error *err) {
    int64_t hint = 0;
    lm_status status = LM_OK;
    if (line->n_values == 0) return LM_OK;
    if (t->any && t->merged.step != line->step) status = put_row(t, err);
    if (!t->any)
        for (int64_t i = 0; i < t->n_columns; i++) t->row[i] = NAN;
    t->any = true;
    t->merged.step = line->step;
    t->merged.tokens = line->tokens;
    t->merged.seconds = line->seconds;
    for (int64_t i = 0; i < line->n_values; i++) {
        int64_t at = find_column(t, lm_line_name(line, i), hint);
        if (at >= 0) t->row[at] = line->values[i].value;
        hint = at + 1;
    }
    return status;
}

lm_status lm_csv_write(const char *const *runs, int64_t n, lm_csv_sink *sink, void *to,
                       lm_error *err) {
    table t = {.sink = sink, .to = to};
    lm_status status = LM_OK;
    for (int64_t i = 0; i < n && status == LM_OK; i++)
        status = each_line(&t, runs[i], take_columns, err);
    if (status != LM_OK) goto out;
    t.row = calloc((size_t)t.n_columns + 1, sizeof *t.row);
    if (!t.row) {
        status = lm_error_no_memory(err, "columns");
        goto out;
    }
    lm_text_printf(&t.out, "run,step,tokens,seconds");
    for (int64_t i = 0; i < t.n_columns; i++) {
        lm_text_append(&t.out, ",", 1);
        lm_csv_text(&t.out, t.names[i], "./");
    }
    lm_text_append(&t.out, "\n", 1);
    for (int64_t i = 0; i < n && status == LM_OK; i++) {
        t.run = runs[i];
        status = each_line(&t, runs[i], take_row, err);
        if (status == LM_OK) status = put_row(&t, err);
    }
    if (status == LM_OK) status = pass_on(&t, 1, err);
out:
    for (int64_t i = 0; i < t.n_columns; i++) free(t.names[i]);
    free(t.names);
    free(t.row);
    lm_text_free(&t.out);
    return status;
}
