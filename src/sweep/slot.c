/* The process of a trial: beginning it, and what its end means. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "machine/stop.h"
#include "sweep/directory.h"
#include "sweep/outcome.h"
#include "sweep/spawn.h"
#include "sweep/worker.h"
#include "train/run_dir.h"
#include "train/setup.h"

/* ---- beginning --------------------------------------------------------------------------------*/

/* malloc'd "DIR/trials/00017.log"; NULL: out of memory. */
static char *log_path(const lm_worker *w, int64_t trial) {
    lm_text t = {0};
    lm_text_printf(&t, "%s/trials/%05lld.log", w->sweep->options.dir, (long long)trial);
    if (!t.failed) return t.data;
    lm_text_free(&t);
    return NULL;
}

static void pin(const lm_worker *w, int index) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < w->threads; i++) CPU_SET((size_t)w->cpus[index * w->threads + i], &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

/* In the child: never returns. Ctrl-C goes to the worker alone, which passes it on once; when the
 * worker is killed, the trial is asked to save and end. */
static _Noreturn void become(const lm_worker *w, int index, pid_t parent, const char *log,
                             char *const *items) {
    sigset_t none;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(LM_ERR_INTERRUPTED);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0666), in = open("/dev/null", O_RDONLY);
    if (in >= 0) dup2(in, STDIN_FILENO);
    if (fd >= 0) {
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
    }
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
    signal(SIGXCPU, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (w->n_cpus > 0) pin(w, index);
    execvp(items[0], items);
    _exit(LM_ERR_RUNTIME);
}

lm_status lm_slot_start(lm_worker *w, lm_slot *slot, lm_error *err) {
    const lm_sweep *s = w->sweep;
    int64_t trial = slot->task.trial, setting = trial / s->options.n_seeds;
    int64_t until = lm_sweep_rung_steps(s, setting, slot->task.rung);
    lm_trial_arguments a;
    lm_trial_start start = {.trial = trial, .threads = w->threads, .quiet = true, .worker = true};
    if (until < s->settings[setting].steps) start.until = until;
    start.keep = s->options.keep > 0;
    lm_status status = lm_trial_arguments_make(&a, s, &start, err);
    char *log = log_path(w, trial);
    if (status == LM_OK && !log) status = lm_error_no_memory(err, NULL);
    if (status != LM_OK) goto out;
    if (lm_file_exists(a.dir) && lm_run_dir_in_use(a.dir, 0)) goto out;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) become(w, (int)(slot - w->slots), parent, log, a.items);
    if (pid < 0) {
        status = lm_error_call(err, a.program, "begin a process of");
        goto out;
    }
    slot->pid = pid;
    slot->began = lm_clock_seconds();
out:
    free(log);
    lm_trial_arguments_free(&a);
    return status;
}

/* ---- the end ----------------------------------------------------------------------------------*/

/* The last lines of what the trial said. */
static void read_tail(const lm_worker *w, int64_t trial, char *out, size_t size) {
    char *path = log_path(w, trial);
    FILE *f = path ? fopen(path, "re") : NULL;
    out[0] = '\0';
    if (f && fseek(f, 0, SEEK_END) == 0) {
        long n = ftell(f), from = n > (long)size - 1 ? n - (long)size + 1 : 0;
        if (fseek(f, from, SEEK_SET) == 0) out[fread(out, 1, size - 1, f)] = '\0';
    }
    if (f) fclose(f);
    free(path);
    size_t end = strlen(out);
    while (end > 0 && out[end - 1] == '\n') out[--end] = '\0';
    const char *error = strstr(out, "lmtrain: ");
    if (error) memmove(out, error + 9, strlen(error + 9) + 1);
}

/* The base runs through: its losses at the ends of rungs are in its metrics. One that diverged or
 * failed did so at all rungs whose end it did not reach. */
static void report_rungs(lm_worker *w, const lm_slot *slot, const char *dir, const lm_result *r) {
    const lm_sweep *s = w->sweep;
    const bool evaluated = strcmp(s->objective, "train_loss") != 0;
    lm_error err;
    for (int rung = 0; rung < slot->task.rung; rung++) {
        lm_journal_entry e = {.trial = slot->task.trial, .rung = rung, .result = *r};
        int64_t end = lm_sweep_rung_steps(s, slot->task.trial / s->options.n_seeds, rung);
        lm_outcome out;
        bool there = lm_outcome_read(s, dir, end, &out, &err) == LM_OK;
        e.result.seconds = 0;
        if (r->state == LM_TASK_DONE && !there) continue;
        if (r->state != LM_TASK_DONE) there &= evaluated ? out.at == end : r->steps >= end;
        if (there) {
            e.result.state = LM_TASK_DONE;
            e.result.loss = out.loss;
            e.result.steps = out.done;
        }
        (void)lm_journal_append(w->journal, s, &e, &err);
    }
}

static void report(lm_worker *w, const lm_slot *slot, lm_result *r) {
    const lm_sweep *s = w->sweep;
    lm_error err;
    lm_outcome out;
    char *dir = lm_trial_dir(s->options.dir, slot->task.trial);
    if (dir && r->state != LM_TASK_DONE) {
        (void)lm_outcome_read(s, dir, INT64_MAX, &out, &err);
        r->steps = out.done;
    }
    if (dir && slot->task.trial / s->options.n_seeds < s->first_point)
        report_rungs(w, slot, dir, r);
    free(dir);
    lm_journal_entry e = {.trial = slot->task.trial, .rung = slot->task.rung, .result = *r};
    lm_status status = lm_journal_append(w->journal, s, &e, &err);
    if (status != LM_OK && w->status == LM_OK) {
        w->status = status;
        w->why = err;
        lm_error_append(&w->why, "; when it can be written, go on with: lmtrain sweep --join %s",
                        s->options.dir);
    }
    w->ran++;
    lm_worker_tell(w, &slot->task, r);
}

/* LM_ERR_USAGE: a mistake in the config; LM_ERR_RUNTIME: its data cannot be opened. */
static void stop_sweep(lm_worker *w, const lm_slot *slot, lm_status code) {
    lm_journal_entry e = {.is_stop = true, .stop_code = code};
    lm_text values = {0};
    lm_error aside;
    char tail[1200];
    if (w->status != LM_OK) return;
    lm_sweep_describe(w->sweep, slot->task.trial / w->sweep->options.n_seeds, &values);
    read_tail(w, slot->task.trial, tail, sizeof tail);
    w->status = lm_error_set(&w->why, code, "trial %lld (%-s): %-s", (long long)slot->task.trial,
                             lm_text_cstr(&values), tail);
    snprintf(e.stop, sizeof e.stop, "%.1900s", w->why.message);
    (void)lm_journal_append(w->journal, w->sweep, &e, &aside);
    lm_error_prefix(&w->why, "%s", w->sweep->file);
    lm_text_free(&values);
}

static void give_up(lm_worker *w, lm_slot *slot, const char *why, lm_result *r) {
    r->state = LM_TASK_FAILED;
    r->loss = NAN;
    lm_text line = {0};
    lm_text_say(&line, "trial %lld failed: %-s", (long long)slot->task.trial, why);
    w->shown = 0;
    fprintf(stderr, "lmtrain: warning: %s\n", lm_text_cstr(&line));
    lm_text_free(&line);
    report(w, slot, r);
    slot->taken = false;
}

static void end_done(lm_worker *w, lm_slot *slot, lm_result *r) {
    const lm_sweep *s = w->sweep;
    int64_t steps = lm_sweep_rung_steps(s, slot->task.trial / s->options.n_seeds, slot->task.rung);
    lm_error err;
    lm_outcome out;
    char *dir = lm_trial_dir(s->options.dir, slot->task.trial);
    lm_status status =
        dir ? lm_outcome_read(s, dir, steps, &out, &err) : lm_error_no_memory(&err, NULL);
    free(dir);
    if (status != LM_OK) {
        give_up(w, slot, err.message, r);
        return;
    }
    r->state = LM_TASK_DONE;
    r->loss = out.loss;
    r->steps = out.done;
    report(w, slot, r);
    slot->taken = false;
}

static void end_failed(lm_worker *w, lm_slot *slot, lm_result *r) {
    char tail[600], why[700];
    if (slot->failures++ < w->sweep->options.retries) return; /* taken still: it begins again */
    read_tail(w, slot->task.trial, tail, sizeof tail);
    snprintf(why, sizeof why, "exit code %d, %lld times: %s", r->exit_code,
             (long long)slot->failures, tail);
    give_up(w, slot, why, r);
}

/* The disk is full: no result. Whoever makes room goes on. */
static void stop_without_room(lm_worker *w, const lm_slot *slot) {
    char tail[1200];
    if (w->status != LM_OK) return;
    read_tail(w, slot->task.trial, tail, sizeof tail);
    if (!*tail) snprintf(tail, sizeof tail, "its log cannot be written either");
    w->status = lm_error_set(&w->why, LM_ERR_RUNTIME,
                             "trial %lld: %-s\nthe disk is full: make room and go on with: lmtrain"
                             " sweep --join %s",
                             (long long)slot->task.trial, tail, w->sweep->options.dir);
}

/* A trial that failed because its data cannot be opened fails as often as it is tried, and the
 * others with it: that is told by opening the data here, too. */
static bool lacks_data(const lm_worker *w, const lm_slot *slot) {
    lm_config c;
    lm_error why;
    int64_t setting = slot->task.trial / w->sweep->options.n_seeds;
    bool lacks = lm_sweep_config(w->sweep, setting, w->sweep->options.dir, &c, &why) == LM_OK &&
                 lm_setup_resolve(&c, &why) != LM_OK;
    lm_config_free(&c);
    return lacks;
}

/* Somebody deleted the sweep's directory: its trials can only fail. */
static bool is_gone(lm_worker *w) {
    const char *dir = w->sweep->options.dir;
    if (lm_file_is_directory(dir)) return false;
    if (w->status == LM_OK)
        w->status = lm_error_set(&w->why, LM_ERR_RUNTIME,
                                 "%s: the directory of the sweep is gone: nothing can go on", dir);
    return true;
}

void lm_slot_end(lm_worker *w, lm_slot *slot, int status) {
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    lm_result r = {.exit_code = code, .loss = NAN};
    double seconds = lm_clock_seconds() - slot->began;
    w->busy += seconds;
    slot->spent += seconds;
    r.seconds = slot->spent;
    slot->pid = 0;
    if (is_gone(w)) {
        slot->taken = false;
    } else if (code == LM_OK) {
        end_done(w, slot, &r);
    } else if (code == LM_ERR_DIVERGED) {
        r.state = LM_TASK_DIVERGED;
        report(w, slot, &r);
        slot->taken = false;
    } else if (code == LM_ERR_USAGE) {
        stop_sweep(w, slot, LM_ERR_USAGE);
        slot->taken = false;
    } else if (code == LM_EXIT_NO_ROOM) {
        stop_without_room(w, slot);
        slot->taken = false;
    } else if (lm_stop_pending() != 0 || w->status != LM_OK) {
        slot->taken = false; /* it was asked to stop, and saved */
    } else if (code == (int)w->sweep->base.run.interrupt_exit_code) {
        w->interrupted = code; /* near the end of the scheduler's job */
        slot->taken = false;
    } else if (code == LM_ERR_RUNTIME && lacks_data(w, slot)) {
        stop_sweep(w, slot, LM_ERR_RUNTIME);
        slot->taken = false;
    } else {
        end_failed(w, slot, &r);
    }
}
