#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/message.h"
#include "cli/commands.h"
#include "cli/run_list.h"
#include "view/csv.h"
#include "view/page.h"

#define LARGEST_LEADERBOARD ((size_t)1 << 30)

typedef struct request {
    lm_option_texts runs;
    const char *output;
    bool csv;
} request;

static const lm_option options[] = {
    {"output", "FILE",
     "the file to write; -: standard output (default: report.html in the run or sweep, of several"
     " runs in the working directory; with --csv standard output)",
     LM_STORED(request, output)},
    {"csv", NULL, "print every figure of every step as a table instead; of a sweep its leaderboard",
     LM_STORED(request, csv)},
    {0},
};

static bool to_stdout(const request *r) {
    return r->output ? strcmp(r->output, "-") == 0 : r->csv;
}

/* ---- CSV --------------------------------------------------------------------------------------*/

static lm_status print_part(void *to, const lm_text *part, lm_error *err) {
    (void)to;
    return lm_print(part, err);
}

static lm_status write_part(void *to, const lm_text *part, lm_error *err) {
    return lm_file_writer_write(to, part->data, part->length, err);
}

static lm_status write_csv(const request *r, const lm_run_list *l, lm_error *err) {
    lm_file_writer w;
    const char **paths = calloc((size_t)l->count + 1, sizeof *paths);
    if (!paths) return lm_error_no_memory(err, "report");
    for (int64_t i = 0; i < l->count; i++) paths[i] = l->runs[i].path;
    lm_status status;
    if (to_stdout(r)) {
        status = lm_csv_write(paths, l->count, print_part, NULL, err);
    } else if ((status = lm_file_writer_open(&w, r->output, err)) == LM_OK) {
        status = lm_csv_write(paths, l->count, write_part, &w, err);
        if (status == LM_OK) status = lm_file_writer_commit(&w, err);
        lm_file_writer_abort(&w);
    }
    free(paths);
    return status;
}

/* ---- the page ---------------------------------------------------------------------------------*/

/* malloc'd; NULL: no memory. */
static char *output_of(const request *r, const char *directory) {
    if (r->output) return strdup(r->output);
    return directory ? lm_file_join(directory, "report.html") : strdup("report.html");
}

static lm_status write_runs(const request *r, const lm_run_list *l, lm_error *err) {
    lm_text text = {0};
    lm_page page = {.runs = l->runs, .n_runs = l->count, .written = lm_clock_unix_seconds()};
    char *file = output_of(r, l->count == 1 ? l->runs[0].path : NULL);
    lm_status status = file ? lm_page_print(&page, &text, err) : lm_error_no_memory(err, "report");
    if (status == LM_OK)
        status = to_stdout(r) ? lm_print(&text, err) : lm_page_replace(file, &text, err);
    if (status == LM_OK && !to_stdout(r)) lm_message_write(stdout, "%s\n", file);
    lm_text_free(&text);
    free(file);
    return status;
}

/* The table of a sweep is its leaderboard, a row for each trial. */
static lm_status write_leaderboard(const request *r, const char *directory, lm_error *err) {
    lm_text text = {0};
    char *file = lm_file_join(directory, "leaderboard.csv");
    lm_status status = file ? lm_file_read(file, LARGEST_LEADERBOARD, &text, err)
                            : lm_error_no_memory(err, "report");
    if (status == LM_OK)
        status = to_stdout(r) ? lm_print(&text, err)
                              : lm_file_replace(r->output, text.data, text.length, err);
    lm_text_free(&text);
    free(file);
    return status;
}

static lm_status write_sweep(const request *r, const char *directory, lm_error *err) {
    lm_text text = {0};
    char *file = output_of(r, directory);
    lm_status status = file ? lm_page_sweep_print(directory, false, &text, err)
                            : lm_error_no_memory(err, "report");
    if (status == LM_OK)
        status = to_stdout(r) ? lm_print(&text, err) : lm_page_replace(file, &text, err);
    if (status == LM_OK && !to_stdout(r)) lm_message_write(stdout, "%s\n", file);
    lm_text_free(&text);
    free(file);
    return status;
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    lm_run_list l;
    if (r->runs.count == 1 && lm_view_sweep_is(r->runs.items[0]))
        return r->csv ? write_leaderboard(r, r->runs.items[0], err)
                      : write_sweep(r, r->runs.items[0], err);
    lm_status status = lm_run_list_open(&l, &r->runs, err);
    if (status != LM_OK) return status;
    status = r->csv ? write_csv(r, &l, err) : write_runs(r, &l, err);
    lm_run_list_close(&l);
    return status;
}

const lm_command lm_command_report = {
    .name = "report",
    .summary =
        "a page with charts of a run, of several, or of a sweep; or their figures as a table",
    .usage = "RUN... [--output FILE] [--csv]",
    .example = "  lmtrain report runs/quickstart && xdg-open runs/quickstart/report.html\n"
               "  lmtrain report runs/a runs/b --output compared.html\n"
               "  lmtrain report runs/quickstart --csv > figures.csv\n",
    .options = options,
    .arguments = {"RUN", offsetof(request, runs), 1, LM_OPTION_MOST_TEXTS},
    .size = sizeof(request),
    .run = run,
};
