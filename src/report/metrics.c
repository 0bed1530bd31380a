#include "report/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/numbers.h"
#include "base/sync.h"
#include "report/targets.h"

enum { LINE_BYTES = 1024 }; /* longer than any line, so that writing one allocates nothing */

double lm_perplexity(double loss) {
    return exp(loss);
}

double lm_bits_per_byte(double loss, double bytes_per_token) {
    return loss / 0.69314718055994531 / bytes_per_token;
}

/* ---- what is already there --------------------------------------------------------------------*/

bool lm_metrics_figure(const char *line, size_t length, const char *key, double *out) {
    size_t n = strlen(key);
    const char *end = line + length;
    for (const char *at = line; (at = memchr(at, '"', (size_t)(end - at))) != NULL;) {
        at++;
        if ((size_t)(end - at) < n + 2 || memcmp(at, key, n) != 0) continue;
        if (at[n] != '"' || at[n + 1] != ':') continue;
        const char *figure = at + n + 2;
        char *stop;
        *out = strtod(figure, &stop);
        return stop != figure;
    }
    return false;
}

/* Adds to *seconds, those of the last line kept, the time of the steps from there to last_step, by
 * the line after it; next_step 0: there is none. */
static void reckon(const lm_metrics *m, int64_t last_step, double next_step, double next_seconds,
                   double *seconds) {
    double last = (double)m->last_step, steps = next_step - last;
    if (m->last_step == 0 || m->last_step >= last_step || steps <= 0) return;
    *seconds += fmax(0, next_seconds - *seconds) * (((double)last_step - last) / steps);
}

/* Does the mark know of such a line, which is of its step or of an earlier one? */
static bool is_known(const lm_metrics_mark *mark, const char *line, size_t length, double step) {
    double skips, rewinds;
    bool evaluation = memmem(line, length, "\"val_loss\":", 11) != NULL;
    if (evaluation && !mark->evaluated && step == (double)mark->step) return false;
    if (lm_metrics_figure(line, length, "skips", &skips) && skips > (double)mark->skips)
        return false;
    return !lm_metrics_figure(line, length, "rewinds", &rewinds) ||
           rewinds <= (double)mark->rewinds;
}

/* Bytes of text to keep: up to the last whole line of which the mark knows. Foreign lines between
 * such lines stay: somebody may want them. */
static size_t length_to_keep(lm_metrics *m, const lm_mapping *map, const lm_metrics_mark *mark,
                             double *seconds) {
    const char *text = (const char *)map->data;
    size_t at = 0, keep = 0;
    double next = 0, next_seconds = 0;
    while (at < map->size) {
        const char *line = text + at, *end = memchr(line, '\n', map->size - at);
        double step, elapsed;
        if (!end) break;
        size_t length = (size_t)(end - line) + 1;
        at += length;
        if (!lm_metrics_figure(line, length, "step", &step)) continue;
        bool timed = lm_metrics_figure(line, length, "seconds", &elapsed);
        if (step > (double)mark->step) {
            if (timed) next = step;
            if (timed) next_seconds = elapsed;
            break;
        }
        if (!is_known(mark, line, length, step)) break;
        if (timed) *seconds = elapsed;
        m->last_step = (int64_t)step;
        keep = at;
    }
    reckon(m, mark->step, next, next_seconds, seconds);
    return keep;
}

static lm_status write_all(int fd, const char *data, size_t size, const char *path, lm_error *err) {
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, data + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ENOSPC;
        if (n <= 0) return lm_error_call(err, path, "write");
        done += (size_t)n;
    }
    return LM_OK;
}

/* Moves the whole lines of the text behind `keep` to <path>.aside: they are there, on disk, before
 * they are cut off here. */
static lm_status move_rest(lm_metrics *m, const lm_mapping *map, size_t keep, lm_error *err) {
    const char *rest = (const char *)map->data + keep;
    const char *last = keep < map->size ? memrchr(rest, '\n', map->size - keep) : NULL;
    lm_text aside = {0};
    if (!last) return LM_OK;
    lm_text_printf(&aside, "%s.aside", m->path);
    const char *path = lm_text_cstr(&aside);
    lm_status status = LM_OK;
    int fd = aside.failed ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (aside.failed) {
        status = lm_error_no_memory(err, m->path);
    } else if (fd < 0) {
        status = lm_error_call(err, path, "open");
    } else {
        status = write_all(fd, rest, (size_t)(last - rest) + 1, path, err);
        if (status == LM_OK && lm_sync_data(fd) != 0 && errno != EINVAL)
            status = lm_error_call(err, path, "sync");
    }
    if (status == LM_OK)
        for (const char *c = rest; c <= last; c++) m->moved += *c == '\n';
    if (fd >= 0) close(fd);
    lm_text_free(&aside);
    return status;
}

lm_status lm_metrics_open(lm_metrics *m, const char *path, const lm_metrics_mark *mark,
                          double *seconds, lm_error *err) {
    lm_mapping map = {0};
    lm_status status = LM_OK;
    *seconds = 0;
    *m = (lm_metrics){0};
    m->path = strdup(path);
    m->fd = m->path ? open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (!m->path) return lm_error_no_memory(err, path);
    if (m->fd < 0) {
        status = lm_error_call(err, m->path, "open");
        goto out;
    }
    if ((status = lm_file_map(&map, path, err)) != LM_OK) goto out;
    size_t keep = length_to_keep(m, &map, mark, seconds);
    if ((status = move_rest(m, &map, keep, err)) != LM_OK) goto out;
    if (keep < map.size && ftruncate(m->fd, (off_t)keep) != 0)
        status = lm_error_call(err, m->path, "cut off the lines after the checkpoint");
    lm_text_reserve(&m->text, LINE_BYTES);
out:
    lm_file_unmap(&map);
    if (status != LM_OK) lm_metrics_close(m);
    return status;
}

/* Rounded to the resolution of a clock, so that lines stay short. */
static double rounded(double x, double unit) {
    return isfinite(x) ? round(x / unit) * unit : x;
}

static double digits(double x, int n) {
    char text[40];
    snprintf(text, sizeof text, "%.*g", n, x);
    return strtod(text, NULL);
}

/* ---- figures of data --------------------------------------------------------------------------*/

enum { NAME_BYTES = 128, PHASES_BYTES = 512 }; /* a longer name is cut */

static const char *name_key(const char *what, const char *name, char key[NAME_BYTES + 16]) {
    snprintf(key, NAME_BYTES + 16, "%s.%.*s", what, NAME_BYTES, name);
    return key;
}

void lm_data_figures_write_sources(const lm_data_figures *data, lm_json_writer *w) {
    char key[NAME_BYTES + 16];
    for (int64_t i = 0; data && i < data->n_sources; i++) {
        const lm_source_figures *s = &data->sources[i];
        lm_json_integer(w, name_key("tokens", s->name, key), s->tokens);
        lm_json_number(w, name_key("epochs", s->name, key), digits(s->epochs, 6));
    }
}

void lm_data_figures_write_sets(const lm_data_figures *data, lm_json_writer *w) {
    char key[NAME_BYTES + 16];
    for (int64_t i = 0; data && i < data->n_sets; i++)
        lm_json_number(w, name_key("val_loss", data->sets[i].name, key), data->sets[i].loss);
}

void lm_phase_figures_write(const lm_phase_figures *p, const char *name, lm_json_writer *w) {
    lm_json_object(w, name, LM_JSON_TIGHT);
    for (int i = 0; p->name(i); i++) lm_json_number(w, p->name(i), rounded(p->seconds[i], 1e-6));
    lm_json_end(w);
}

void lm_metrics_reserve(lm_metrics *m, const lm_data_figures *data) {
    const size_t each = 6 * NAME_BYTES + 64; /* bytes of a name as JSON, and of its figure */
    size_t figures = (size_t)lm_max(2 * data->n_sources, data->n_sets);
    lm_text_reserve(&m->text, LINE_BYTES + PHASES_BYTES + figures * each);
}

/* ---- appending --------------------------------------------------------------------------------*/

static lm_json_writer begin(lm_metrics *m) {
    lm_json_writer line = {.out = &m->text};
    lm_json_object(&line, NULL, LM_JSON_TIGHT);
    return line;
}

/* Writes the lines that wait. Bytes that were written are dropped from the text even when the rest
 * cannot be written. */
static lm_status flush(lm_metrics *m, lm_error *err) {
    lm_status status = LM_OK;
    size_t done = 0;
    while (done < m->text.length && status == LM_OK) {
        ssize_t n = write(m->fd, m->text.data + done, m->text.length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ENOSPC;
        if (n <= 0) {
            status = lm_error_call(err, m->path, "write");
        } else {
            done += (size_t)n;
        }
    }
    if (done > 0) memmove(m->text.data, m->text.data + done, m->text.length - done);
    m->text.length -= done;
    return status;
}

static lm_status end(lm_metrics *m, lm_json_writer *line, lm_error *err) {
    lm_json_end(line);
    lm_text_append(&m->text, "\n", 1);
    if (m->text.failed) return lm_error_no_memory(err, m->path);
    m->late = flush(m, &m->why) != LM_OK;
    return LM_OK;
}

lm_status lm_metrics_step(lm_metrics *m, const lm_step_figures *f, const lm_data_figures *data,
                          lm_error *err) {
    lm_json_writer line = begin(m);
    lm_json_integer(&line, "step", f->step);
    lm_json_integer(&line, "tokens", f->tokens);
    lm_data_figures_write_sources(data, &line);
    lm_json_number(&line, "loss", f->loss);
    lm_json_number(&line, "lr", f->lr);
    lm_json_number(&line, "grad_norm", f->grad_norm);
    if (f->noise) {
        lm_json_number(&line, "noise_scale", digits(f->noise->scale, 6));
        lm_json_number(&line, "noise_signal", digits(f->noise->signal, 6));
        lm_json_number(&line, "noise_trace", digits(f->noise->trace, 6));
    }
    lm_json_digest(&line, "digest", f->digest);
    if (f->weights_digest) lm_json_digest(&line, "weights_digest", f->weights_digest);
    lm_json_number(&line, "tokens_per_s", digits(f->tokens_per_s, 6));
    lm_json_number(&line, "seconds", digits(rounded(f->seconds, 1e-4), 12));
    if (f->phases.name) lm_phase_figures_write(&f->phases, "phases", &line);
    return end(m, &line, err);
}

lm_status lm_metrics_eval(lm_metrics *m, const lm_eval_figures *f, const lm_data_figures *data,
                          lm_error *err) {
    lm_json_writer line = begin(m);
    lm_json_integer(&line, "step", f->step);
    lm_json_integer(&line, "tokens", f->tokens);
    lm_json_digest(&line, "digest", f->digest);
    lm_json_number(&line, "val_loss", f->val_loss);
    if (f->val_loss_raw > 0) lm_json_number(&line, "val_loss_raw", f->val_loss_raw);
    lm_data_figures_write_sets(data, &line);
    lm_json_number(&line, "val_perplexity", lm_perplexity(f->val_loss));
    if (f->bytes_per_token > 0)
        lm_json_number(&line, "val_bits_per_byte",
                       lm_bits_per_byte(f->val_loss, f->bytes_per_token));
    lm_json_integer(&line, "val_tokens", f->val_tokens);
    if (f->targets) lm_targets_write_reached(f->targets, f->step, &line);
    lm_json_number(&line, "seconds", digits(rounded(f->seconds, 1e-4), 12));
    return end(m, &line, err);
}

lm_status lm_metrics_layers(lm_metrics *m, const lm_step_figures *f, const lm_layer_figures *layers,
                            int64_t n, lm_error *err) {
    lm_json_writer line = begin(m);
    lm_json_integer(&line, "step", f->step);
    lm_json_integer(&line, "tokens", f->tokens);
    lm_json_object(&line, "layers", LM_JSON_TIGHT);
    for (int64_t i = 0; i < n; i++) {
        const lm_layer_figures *l = &layers[i];
        lm_json_object(&line, l->name, LM_JSON_TIGHT);
        lm_json_number(&line, "weight_norm", digits(l->weight_norm, 6));
        lm_json_number(&line, "grad_norm", digits(l->grad_norm, 6));
        lm_json_number(&line, "update_norm", digits(l->update_norm, 6));
        lm_json_number(&line, "update_ratio",
                       l->weight_norm > 0 ? digits(l->update_norm / l->weight_norm, 6)
                                          : (double)NAN);
        lm_json_end(&line);
    }
    lm_json_end(&line);
    lm_json_number(&line, "seconds", digits(rounded(f->seconds, 1e-4), 12));
    return end(m, &line, err);
}

lm_status lm_metrics_sample(lm_metrics *m, const lm_sample_figures *f, lm_error *err) {
    lm_json_writer line = begin(m);
    lm_json_integer(&line, "step", f->step);
    lm_json_integer(&line, "tokens", f->tokens);
    lm_json_string(&line, "prompt", f->prompt);
    lm_json_string(&line, "sample", f->text);
    lm_json_number(&line, "seconds", digits(rounded(f->seconds, 1e-4), 12));
    return end(m, &line, err);
}

static void write_window(lm_json_writer *line, const lm_window_figures *f) {
    lm_json_object(line, NULL, LM_JSON_TIGHT);
    lm_json_integer(line, "window", f->window);
    lm_json_string(line, "source", f->source);
    lm_json_string(line, "file", f->file);
    lm_json_integer(line, "token", f->token);
    lm_json_integer(line, "byte", (int64_t)f->byte);
    lm_json_number(line, "window_loss", f->loss);
    if (f->has_norm) lm_json_number(line, "window_grad_norm", f->grad_norm);
    if (f->text) lm_json_string(line, "text", f->text);
    lm_json_end(line);
}

static void write_range(lm_json_writer *line, const char *key, int64_t first, int64_t last) {
    lm_json_array(line, key, LM_JSON_TIGHT);
    lm_json_integer(line, NULL, first);
    lm_json_integer(line, NULL, last);
    lm_json_end(line);
}

/* Its figures have names of their own, so that nobody takes them for those of a step. */
lm_status lm_metrics_guard(lm_metrics *m, const lm_guard_figures *f, lm_error *err) {
    lm_json_writer line = begin(m);
    lm_json_integer(&line, "step", f->step);
    lm_json_integer(&line, "tokens", f->tokens);
    lm_json_string(&line, "event", f->event);
    lm_json_integer(&line, "refused", f->refused);
    lm_json_string(&line, "why", f->why);
    lm_json_number(&line, "refused_loss", f->loss);
    lm_json_number(&line, "refused_grad_norm", f->grad_norm);
    lm_json_number(&line, "refused_lr", f->lr);
    lm_json_integer(&line, "skips", f->skips);
    lm_json_integer(&line, "rewinds", f->rewinds);
    if (strcmp(f->event, "rewind") == 0) {
        lm_json_string(&line, "checkpoint", f->checkpoint);
        write_range(&line, "passed_over", f->passed_from, f->last);
    }
    write_range(&line, "windows", f->first, f->last);
    lm_json_array(&line, "worst", LM_JSON_TIGHT);
    for (int i = 0; i < f->n_worst; i++) write_window(&line, &f->worst[i]);
    lm_json_end(&line);
    lm_json_number(&line, "seconds", digits(rounded(f->seconds, 1e-4), 12));
    return end(m, &line, err);
}

lm_status lm_metrics_sync(lm_metrics *m, lm_error *err) {
    if (!m->path) return LM_OK;
    lm_status status = flush(m, err);
    if (status != LM_OK) return status;
    m->late = false;
    return lm_sync_data(m->fd) == 0 || errno == EINVAL ? LM_OK
                                                       : lm_error_call(err, m->path, "sync");
}

void lm_metrics_close(lm_metrics *m) {
    if (m->path && m->fd >= 0) close(m->fd);
    free(m->path);
    lm_text_free(&m->text);
    m->path = NULL;
}
