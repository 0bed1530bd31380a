#include "report/summary.h"

#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "report/metrics.h"
#include "report/targets.h"

static void name_host(char host[65]) {
    if (gethostname(host, 65) != 0) host[0] = '\0';
    host[64] = '\0';
}

/* Who runs it, since when. */
static void write_session(lm_json_writer *w, int64_t started) {
    char host[65], when[32] = "";
    time_t at = (time_t)started;
    struct tm utc;
    name_host(host);
    if (gmtime_r(&at, &utc)) strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    lm_json_integer(w, "pid", getpid());
    lm_json_string(w, "host", host);
    lm_json_string(w, "started", when);
}

static void write_profile(const lm_summary_profile *p, lm_json_writer *w) {
    if (p->steps == 0) return;
    lm_json_object(w, "profile", LM_JSON_LINES);
    lm_json_integer(w, "steps", p->steps);
    lm_phase_figures_write(&p->all, "seconds", w);
    lm_phase_figures_write(&p->layers[0], "outside_layers", w);
    lm_json_array(w, "layers", LM_JSON_LINES);
    for (int64_t i = 0; i < p->n_layers; i++) lm_phase_figures_write(&p->layers[i + 1], NULL, w);
    lm_json_end(w);
    lm_json_end(w);
}

static void write_plan(const lm_summary_plan *p, lm_json_writer *w) {
    lm_json_object(w, "plan", LM_JSON_LINES);
    lm_json_number(w, "flops_per_token", p->flops_per_token);
    lm_json_number(w, "peak_flops", p->peak_flops > 0 ? round(p->peak_flops) : (double)NAN);
    lm_json_object(w, "memory", LM_JSON_LINE);
    for (int i = 0; i < p->n_memory; i++)
        lm_json_number(w, p->memory[i].name, (double)p->memory[i].bytes);
    lm_json_end(w);
    lm_json_end(w);
}

lm_status lm_summary_write(const lm_summary *s, const char *path, bool sync, lm_error *err) {
    lm_text t = {0};
    lm_json_writer w = {.out = &t};
    double bytes = s->bytes_per_token;
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_string(&w, "state", s->state);
    lm_json_number(&w, "exit_code", s->exit_code < 0 ? (double)NAN : (double)s->exit_code);
    if (s->error) lm_json_string(&w, "error", s->error);
    lm_json_integer(&w, "step", s->step);
    lm_json_integer(&w, "steps", s->steps);
    lm_json_integer(&w, "tokens", s->tokens);
    lm_data_figures_write_sources(s->data, &w);
    lm_json_integer(&w, "parameters", s->parameters);
    lm_json_number(&w, "train_loss", s->train_loss);
    lm_json_number(&w, "val_loss", s->val_loss);
    if (s->val_loss_raw > 0) lm_json_number(&w, "val_loss_raw", s->val_loss_raw);
    lm_data_figures_write_sets(s->data, &w);
    lm_json_number(&w, "val_perplexity", lm_perplexity(s->val_loss));
    if (bytes > 0) lm_json_number(&w, "val_bits_per_byte", lm_bits_per_byte(s->val_loss, bytes));
    lm_json_number(&w, "best_val_loss", s->best_val_loss);
    lm_json_number(&w, "best_val_step",
                   isnan(s->best_val_loss) ? (double)NAN : (double)s->best_val_step);
    if (s->skips > 0) lm_json_integer(&w, "skips", s->skips);
    if (s->stopped_early) lm_json_boolean(&w, "stopped_early", true);
    if (s->targets) lm_targets_write(s->targets, s->plan.flops_per_token, &w);
    if (s->rewinds > 0) lm_json_integer(&w, "rewinds", s->rewinds);
    lm_json_number(&w, "seconds", round(s->seconds * 1e3) / 1e3);
    if (s->budget && *s->budget) {
        lm_json_string(&w, "budget", s->budget);
        lm_json_number(&w, "budget_missed", round(s->budget_missed * 1e4) / 1e4);
    }
    lm_json_number(&w, "tokens_per_s", round(s->tokens_per_s));
    lm_json_number(&w, "peak_resident_bytes", s->peak_resident);
    lm_json_string(&w, "checkpoint", s->checkpoint);
    lm_json_number(&w, "checkpoint_step", s->checkpoint ? (double)s->checkpoint_step : (double)NAN);
    write_session(&w, s->started);
    lm_json_string(&w, "version", LM_VERSION);
    write_plan(&s->plan, &w);
    write_profile(&s->profile, &w);
    lm_json_end(&w);
    lm_text_append(&t, "\n", 1);
    lm_status status = LM_OK;
    if (t.failed)
        status = lm_error_no_memory(err, path);
    else if (sync)
        status = lm_file_replace(path, lm_text_cstr(&t), t.length, err);
    else
        status = lm_file_replace_unsynced(path, lm_text_cstr(&t), t.length, err);
    lm_text_free(&t);
    return status;
}

static double figure_of(lm_json_reader *r, const char *key) {
    return lm_json_has(r, key) ? lm_json_get_number(r, key) : (double)NAN;
}

static void read_figures(lm_summary_found *s, lm_json_reader *r) {
    s->parameters = figure_of(r, "parameters");
    s->tokens = figure_of(r, "tokens");
    s->val_loss = figure_of(r, "val_loss");
    s->seconds = figure_of(r, "seconds");
}

bool lm_summary_read(lm_summary_found *s, const char *path) {
    lm_text text = {0};
    lm_error aside;
    lm_json_reader r;
    char host[65];
    *s = (lm_summary_found){0};
    lm_status status =
        lm_file_exists(path) ? lm_file_read(path, (size_t)1 << 20, &text, &aside) : LM_ERR_RUNTIME;
    if (status == LM_OK) status = lm_json_open(&r, path, lm_text_cstr(&text), text.length, &aside);
    if (status == LM_OK) {
        const char *key = lm_json_has(&r, "state") ? "state" : "reason";
        lm_json_get_string(&r, key, s->state, sizeof s->state);
        s->step = lm_json_get_count(&r, "step", 0, (int64_t)1 << 53);
        s->steps = lm_json_get_count(&r, "steps", 0, (int64_t)1 << 53);
        double checkpoint =
            lm_json_has(&r, "checkpoint_step") ? lm_json_get_number(&r, "checkpoint_step") : -1;
        s->checkpoint_step = checkpoint >= 0 && checkpoint < 1e15 ? (int64_t)checkpoint : -1;
        s->without_last = lm_json_has(&r, "checkpoint_step") && s->checkpoint_step < s->step;
        s->stopped_early = lm_json_has(&r, "stopped_early");
        read_figures(s, &r);
        if (lm_json_has(&r, "budget"))
            lm_json_get_string(&r, "budget", s->budget, sizeof s->budget);
        if (lm_json_has(&r, "pid")) {
            s->pid = lm_json_get_count(&r, "pid", 0, (int64_t)1 << 53);
            lm_json_get_string(&r, "host", s->host, sizeof s->host);
            lm_json_get_string(&r, "started", s->started, sizeof s->started);
        }
        status = lm_json_close(&r);
    }
    name_host(host);
    s->here = strcmp(host, s->host) == 0;
    lm_text_free(&text);
    return status == LM_OK;
}
