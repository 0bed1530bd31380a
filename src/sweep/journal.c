#include "sweep/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "sweep/directory.h"

static const char *const states[] = {"open", "failed", "diverged", "done"};
static const int64_t most = (int64_t)1 << 53;

/* ---- lines ------------------------------------------------------------------------------------*/

void lm_journal_print(const lm_journal_entry *e, lm_text *out) {
    lm_json_writer w = {.out = out};
    const lm_result *r = &e->result;
    lm_json_object(&w, NULL, LM_JSON_TIGHT);
    if (e->is_stop) {
        lm_json_string(&w, "stop", e->stop);
        lm_json_integer(&w, "exit_code", (int64_t)e->stop_code);
    } else if (e->is_end) {
        lm_json_integer(&w, "end", 1);
    } else {
        lm_json_integer(&w, "trial", e->trial);
        lm_json_integer(&w, "rung", e->rung);
        lm_json_string(&w, "state", states[r->state]);
        lm_json_integer(&w, "steps", r->steps);
        lm_json_number(&w, "loss", r->loss);
        lm_json_number(&w, "seconds", round(r->seconds * 1e3) / 1e3);
        lm_json_integer(&w, "exit_code", r->exit_code);
    }
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
}

static lm_task_state state_of(const char *name) {
    int i = LM_TASK_FAILED;
    while (i < LM_TASK_STATES && strcmp(states[i], name) != 0) i++;
    return i < LM_TASK_STATES ? (lm_task_state)i : LM_TASK_OPEN;
}

lm_status lm_journal_parse(const char *line, size_t size, lm_journal_entry *e, lm_error *err) {
    lm_json_reader r;
    char state[16] = "";
    *e = (lm_journal_entry){0};
    lm_status status = lm_json_open(&r, "line", line, size, err);
    if (status != LM_OK) return status;
    e->is_stop = lm_json_has(&r, "stop");
    if (e->is_stop) {
        lm_json_get_string(&r, "stop", e->stop, sizeof e->stop);
        e->stop_code = LM_ERR_USAGE;
        if (lm_json_has(&r, "exit_code"))
            e->stop_code =
                (lm_status)lm_json_get_count(&r, "exit_code", LM_ERR_RUNTIME, LM_ERR_USAGE);
        return lm_json_close(&r);
    }
    e->is_end = lm_json_has(&r, "end");
    if (e->is_end) {
        (void)lm_json_get_count(&r, "end", 1, 1);
        return lm_json_close(&r);
    }
    e->trial = lm_json_get_count(&r, "trial", 0, most);
    e->rung = lm_json_get_count(&r, "rung", 0, LM_SWEEP_MOST_RUNGS);
    e->result.steps = lm_json_get_count(&r, "steps", 0, most);
    e->result.loss = lm_json_get_number(&r, "loss");
    e->result.seconds = lm_json_get_number(&r, "seconds");
    e->result.exit_code = (int)lm_json_get_count(&r, "exit_code", 0, 255);
    lm_json_get_string(&r, "state", state, sizeof state);
    e->result.state = state_of(state);
    if (r.status == LM_OK && e->result.state == LM_TASK_OPEN)
        lm_json_wrong(&r, "state", "done, diverged or failed");
    if (r.status == LM_OK && (e->result.state == LM_TASK_DONE) != isfinite(e->result.loss))
        lm_json_wrong(&r, "loss", "a number where the trial is done, else null");
    if (r.status == LM_OK && !(e->result.seconds >= 0))
        lm_json_wrong(&r, "seconds", "a number, not below 0");
    return lm_json_close(&r);
}

/* ---- all of them ------------------------------------------------------------------------------*/

lm_status lm_journals_open(lm_journals *j, const lm_sweep *s, lm_error *err) {
    *j = (lm_journals){.n_trials = s->n_trials, .rungs = s->rungs};
    j->results = calloc((size_t)(s->n_trials * s->rungs) + 1, sizeof *j->results);
    return j->results ? LM_OK : lm_error_no_memory(err, s->options.dir);
}

lm_result *lm_journals_result(const lm_journals *j, int64_t trial, int rung) {
    return &j->results[trial * j->rungs + rung];
}

static void take_line(lm_journals *j, struct lm_journal_file *f, const char *line, size_t size) {
    lm_journal_entry e;
    lm_error err = {0};
    lm_status status = lm_journal_parse(line, size, &e, &err);
    bool is_result = !e.is_stop && !e.is_end;
    if (status == LM_OK && is_result && (e.trial >= j->n_trials || e.rung >= j->rungs))
        status = lm_error_set(&err, LM_ERR_RUNTIME, "there is no trial %lld with rung %lld",
                              (long long)e.trial, (long long)e.rung);
    if (status != LM_OK) {
        if (j->warnings.length < 2000)
            lm_text_say(&j->warnings, "%s: passed over: %-s\n", f->name, err.message);
        return;
    }
    if (e.is_stop) {
        j->stopped = true;
        memcpy(j->stop, e.stop, sizeof j->stop);
        j->stop_code = e.stop_code;
        return;
    }
    f->ended = e.is_end;
    if (e.is_end) return;
    lm_result *r = lm_journals_result(j, e.trial, (int)e.rung);
    if (e.result.state <= r->state) return;
    j->n_done += r->state == LM_TASK_OPEN;
    *r = e.result;
}

static lm_status read_rest(lm_journals *j, const lm_sweep *s, struct lm_journal_file *f,
                           lm_error *err) {
    lm_file_reader reader = {0};
    lm_text names = {0};
    char *text = NULL;
    lm_text_printf(&names, "%s/journals/%s", s->options.dir, f->name);
    lm_status status = lm_file_reader_open(&reader, lm_text_cstr(&names), err);
    if (status != LM_OK) goto out;
    size_t size = reader.size > f->read ? (size_t)(reader.size - f->read) : 0;
    if (size == 0) goto out;
    if (!(text = malloc(size))) {
        status = lm_error_no_memory(err, f->name);
        goto out;
    }
    if ((status = lm_file_reader_at(&reader, f->read, text, size, err)) != LM_OK) goto out;
    for (size_t at = 0; at < size;) {
        const char *line = text + at, *end = memchr(line, '\n', size - at);
        if (!end) break;
        take_line(j, f, line, (size_t)(end - line));
        at += (size_t)(end - line) + 1;
        f->read += (uint64_t)(end - line) + 1;
    }
out:
    free(text);
    lm_file_reader_close(&reader);
    lm_text_free(&names);
    return status;
}

/* NULL: out of memory. Names come sorted, and few are new. */
static struct lm_journal_file *file_of(lm_journals *j, const char *name) {
    for (size_t i = 0; i < j->n_files; i++)
        if (strcmp(j->files[i].name, name) == 0) return &j->files[i];
    struct lm_journal_file *grown = realloc(j->files, (j->n_files + 1) * sizeof *grown);
    if (!grown) return NULL;
    j->files = grown;
    grown[j->n_files] = (struct lm_journal_file){.name = strdup(name)};
    return grown[j->n_files].name ? &grown[j->n_files++] : NULL;
}

lm_status lm_journals_read(lm_journals *j, const lm_sweep *s, lm_error *err) {
    lm_file_list list;
    char *directory = lm_sweep_path(s, "journals");
    j->stopped = false;
    if (!directory) return lm_error_no_memory(err, NULL);
    lm_status status = LM_OK;
    bool there = lm_file_exists(directory);
    if (there) status = lm_file_list_directory(&list, directory, err);
    for (size_t i = 0; there && status == LM_OK && i < list.count; i++) {
        if (!lm_text_ends_with(list.names[i], ".jsonl")) continue;
        struct lm_journal_file *f = file_of(j, list.names[i]);
        status = f ? read_rest(j, s, f, err) : lm_error_no_memory(err, directory);
    }
    if (there && status != LM_ERR_RUNTIME) lm_file_list_free(&list);
    free(directory);
    return status;
}

bool lm_journals_ended(const lm_journals *j, const char *worker) {
    size_t n = strlen(worker);
    for (size_t i = 0; i < j->n_files; i++)
        if (strncmp(j->files[i].name, worker, n) == 0 &&
            strcmp(j->files[i].name + n, ".jsonl") == 0)
            return j->files[i].ended;
    return false;
}

void lm_journals_close(lm_journals *j) {
    for (size_t i = 0; i < j->n_files; i++) free(j->files[i].name);
    free(j->files);
    free(j->results);
    lm_text_free(&j->warnings);
    *j = (lm_journals){0};
}

/* ---- one's own --------------------------------------------------------------------------------*/

lm_status lm_journal_create(int *fd, const lm_sweep *s, const char *name, lm_error *err) {
    lm_text path = {0};
    lm_text_printf(&path, "%s/journals/%s.jsonl", s->options.dir, name);
    lm_status status = LM_OK;
    *fd = path.failed
              ? -1
              : open(lm_text_cstr(&path), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    if (path.failed)
        status = lm_error_no_memory(err, NULL);
    else if (*fd < 0)
        status = lm_error_call(err, lm_text_cstr(&path), "create");
    lm_text_free(&path);
    return status;
}

lm_status lm_journal_append(int fd, const lm_sweep *s, const lm_journal_entry *e, lm_error *err) {
    lm_text line = {0};
    lm_journal_print(e, &line);
    lm_status status = line.failed ? lm_error_no_memory(err, NULL) : LM_OK;
    const off_t end = lseek(fd, 0, SEEK_END);
    const ssize_t n = status == LM_OK ? write(fd, lm_text_cstr(&line), line.length) : 0;
    if (status == LM_OK && n != (ssize_t)line.length) {
        if (n >= 0) errno = ENOSPC; /* there was room for a part */
        status = lm_error_call(err, s->options.dir, "write the journal in");
        /* The next entry is not to stand behind half of this one; if it does, readers say so. */
        if (n > 0 && end >= 0 && ftruncate(fd, end) != 0) errno = 0;
    }
    lm_text_free(&line);
    return status;
}
