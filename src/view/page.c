#include "view/page.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/sha256.h"
#include "view/escape.h"
#include "view/page_parts.h"

enum { SWEEP_CURVES = 8 }; /* as many as can be told apart */

/* By this a page is known to be ours. */
static const char generator[] = "<meta name=\"generator\" content=\"lmtrain " LM_VERSION "\">";
static const char generator_begins[] = "<meta name=\"generator\" content=\"lmtrain ";

/* ---- the page ---------------------------------------------------------------------------------*/

static void put_title(const lm_page *p, lm_text *out) {
    lm_text_printf(out, "<title>");
    if (p->sweep)
        lm_html_text(out, p->sweep->name);
    else if (p->n_runs == 1)
        lm_html_text(out, p->runs[0].name);
    else
        lm_text_printf(out, "%lld runs", (long long)p->n_runs);
    lm_text_printf(out, " – lmtrain</title>\n");
}

/* Everything is forbidden but this style and this script, which are named by their digests. */
static void put_policy(const lm_text *style, const lm_text *script, lm_text *out) {
    lm_text_printf(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"
                        " style-src 'sha256-");
    lm_sha256_base64(lm_text_cstr(style), style->length, out);
    lm_text_printf(out, "'; script-src 'sha256-");
    lm_sha256_base64(lm_text_cstr(script), script->length, out);
    lm_text_printf(out, "'; img-src data:; base-uri 'none'; form-action 'none'\">\n");
}

bool lm_page_goes_on(const lm_page *p) {
    bool any = p->goes_on;
    for (int64_t i = 0; i < p->n_runs; i++) any |= p->runs[i].running;
    return any;
}

static void put_head(const lm_page *p, const lm_text *style, const lm_text *script, lm_text *out) {
    lm_text_printf(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
    lm_text_printf(out, "%s\n", generator);
    put_policy(style, script, out);
    lm_text_printf(out,
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<meta name=\"color-scheme\" content=\"light dark\">\n"
                   "<link rel=\"icon\" href=\"data:,\">\n%s",
                   lm_page_goes_on(p)
                       ? "<noscript><meta http-equiv=\"refresh\" content=\"30\"></noscript>\n"
                       : "");
    put_title(p, out);
    lm_text_printf(out, "<style>");
    lm_text_append(out, lm_text_cstr(style), style->length);
    lm_text_printf(out, "</style></head>\n<body>\n");
}

lm_status lm_page_print(const lm_page *p, lm_text *out, lm_error *err) {
    lm_text style = {0}, script = {0};
    lm_charts charts = {0};
    lm_status status = lm_charts_make(&charts, p->runs, p->n_runs, err);
    if (status != LM_OK) return status;
    lm_page_style(&style);
    lm_page_script(&script);
    put_head(p, &style, &script, out);
    lm_page_head(p, out);
    lm_text_printf(out, "<main>\n");
    lm_page_sweep(p, out);
    lm_page_runs(p, out);
    if (charts.count > 0) lm_page_controls(out);
    lm_page_charts(p, &charts, out);
    lm_page_targets(p, out);
    lm_page_events(p, out);
    int64_t layers = lm_page_layers(p, out);
    lm_page_bars(p, out);
    lm_page_samples(p, out);
    lm_page_configs(p, out);
    lm_text_printf(out,
                   "<footer>Written by lmtrain %s. Drag across a chart to look closer, double"
                   " click to see all; arrow keys read values.</footer>\n</main>\n"
                   "<script type=\"application/json\" id=\"data\">",
                   LM_VERSION);
    lm_page_data(p, &charts, layers, out);
    lm_text_printf(out, "</script>\n<script>");
    lm_text_append(out, lm_text_cstr(&script), script.length);
    lm_text_printf(out, "</script>\n</body></html>\n");
    if (out->failed || style.failed || script.failed) status = lm_error_no_memory(err, "report");
    lm_text_free(&style);
    lm_text_free(&script);
    lm_charts_free(&charts);
    return status;
}

/* ---- the file ---------------------------------------------------------------------------------*/

/* lmtrain replaces only what it wrote. */
static lm_status check_ours(const char *path, lm_error *err) {
    char head[512];
    size_t n = 0;
    if (!lm_file_exists(path)) return LM_OK;
    FILE *file = fopen(path, "re");
    if (file) {
        n = fread(head, 1, sizeof head, file);
        fclose(file);
    }
    if (memmem(head, n, generator_begins, sizeof generator_begins - 1)) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: lmtrain did not write this file: it is not replaced by a report",
                        path);
}

/* Messages name the file that it is to become. */
static lm_status write_whole(const char *temporary, const char *path, const lm_text *page,
                             lm_error *err) {
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) return lm_error_call(err, path, "write");
    lm_status status = LM_OK;
    for (size_t done = 0; done < page->length && status == LM_OK;) {
        ssize_t n = write(fd, page->data + done, page->length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ENOSPC;
        if (n <= 0)
            status = lm_error_call(err, path, "write");
        else
            done += (size_t)n;
    }
    if (close(fd) != 0 && status == LM_OK) status = lm_error_call(err, path, "write");
    return status;
}

lm_status lm_page_replace(const char *path, const lm_text *page, lm_error *err) {
    lm_status status = check_ours(path, err);
    if (status != LM_OK) return status;
    char *temporary = lm_file_temporary(path);
    if (!temporary) return lm_error_no_memory(err, path);
    status = write_whole(temporary, path, page, err);
    if (status == LM_OK && rename(temporary, path) != 0) status = lm_error_call(err, path, "write");
    if (status != LM_OK) unlink(temporary);
    free(temporary);
    return status;
}

/* ---- of a sweep -------------------------------------------------------------------------------*/

/* Runs of the best trials, of those that say where they are and that can be read. */
static int64_t open_best(const lm_view_sweep *s, lm_view_run *runs) {
    int64_t n = 0;
    char label[64];
    lm_error aside;
    for (int64_t i = 0; i < s->count && n < SWEEP_CURVES; i++) {
        const char *dir = lm_view_sweep_text(s->rows[i], "dir");
        char *path = !dir ? NULL : *dir == '/' ? strdup(dir) : lm_file_join(s->path, dir);
        if (!path) continue;
        lm_status status = lm_view_run_open(&runs[n], path, &aside);
        if (status == LM_OK) status = lm_view_run_read(&runs[n], &aside);
        free(path);
        if (status != LM_OK) {
            lm_view_run_free(&runs[n]);
            continue;
        }
        double trial = lm_view_sweep_number(s->rows[i], "trial");
        snprintf(label, sizeof label, "trial %.0f", trial);
        char *name = isfinite(trial) ? strdup(label) : NULL;
        if (name) {
            free(runs[n].name);
            runs[n].name = name;
        }
        n++;
    }
    return n;
}

lm_status lm_page_sweep_print(const char *directory, bool goes_on, lm_text *out, lm_error *err) {
    lm_view_sweep sweep;
    lm_view_run runs[SWEEP_CURVES] = {0};
    lm_page page = {
        .runs = runs, .sweep = &sweep, .goes_on = goes_on, .written = lm_clock_unix_seconds()};
    lm_status status = lm_view_sweep_read(&sweep, directory, err);
    if (status != LM_OK) return status;
    page.n_runs = open_best(&sweep, runs);
    status = lm_page_print(&page, out, err);
    for (int i = 0; i < SWEEP_CURVES; i++) lm_view_run_free(&runs[i]);
    lm_view_sweep_free(&sweep);
    return status;
}

lm_status lm_page_sweep_write(const char *directory, const char *file, bool goes_on,
                              lm_error *err) {
    lm_text text = {0};
    lm_status status = lm_page_sweep_print(directory, goes_on, &text, err);
    if (status == LM_OK) status = lm_page_replace(file, &text, err);
    lm_text_free(&text);
    return status;
}
