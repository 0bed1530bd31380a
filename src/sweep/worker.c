#include "sweep/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/message.h"
#include "machine/stop.h"
#include "sweep/directory.h"
#include "sweep/leaderboard.h"
#include "view/page.h"

#define LEADERBOARD_SECONDS 10.0
#define PAGES_COST          500  /* times what a page took go by before the next one */
#define WAIT_SECONDS        0.25 /* for a child, when some run; for other workers, when none */

/* ---- tasks ------------------------------------------------------------------------------------*/

static bool runs_here(const lm_worker *w, const lm_task *task) {
    for (int i = 0; i < w->parallel; i++)
        if (w->slots[i].taken && w->slots[i].task.trial == task->trial) return true;
    return false;
}

static void say_warnings(lm_worker *w) {
    if (w->journals.warnings.length == 0) return;
    fprintf(stderr, "lmtrain: warning: %s", lm_text_cstr(&w->journals.warnings));
    lm_text_free(&w->journals.warnings);
}

/* Reads what others did, and makes the list of tasks anew. */
static lm_status plan(lm_worker *w, lm_error *err) {
    lm_status status = lm_journals_read(&w->journals, w->sweep, err);
    say_warnings(w);
    if (status == LM_OK && w->journals.stopped)
        return lm_error_set(err, w->journals.stop_code, "%s: %-s", w->sweep->file,
                            w->journals.stop);
    if (status != LM_OK) return status;
    int rung = w->list.rung;
    int64_t bracket = w->list.bracket;
    lm_task_list_free(&w->list);
    w->next = 0;
    w->list_after = w->journals.n_done;
    status = lm_plan(w->sweep, &w->journals, &w->list, err);
    if (status == LM_OK && w->gone && (w->list.rung != rung || w->list.bracket != bracket))
        lm_leaderboard_prune(w->sweep, &w->journals, &w->list, w->gone);
    return status;
}

static bool is_open(const lm_worker *w, const lm_task *task) {
    return lm_journals_result(&w->journals, task->trial, task->rung)->state == LM_TASK_OPEN;
}

/* Claims the next task that is free, into the slot; *found false: there is none now. */
static lm_status take_task(lm_worker *w, lm_slot *slot, bool *found, lm_error *err) {
    lm_status status = LM_OK;
    *found = false;
    while (!*found && status == LM_OK && w->next < w->list.count) {
        const lm_task *task = &w->list.tasks[w->next++];
        lm_claimed whose;
        if (!is_open(w, task) || runs_here(w, task)) continue;
        status = lm_claim(&w->file, &w->journals, task->trial, task->rung, &whose, err);
        if (status != LM_OK || whose == LM_CLAIM_OTHERS) continue;
        if (whose == LM_CLAIM_TAKEN_OVER) status = lm_journals_read(&w->journals, w->sweep, err);
        *found = status == LM_OK && is_open(w, task);
        if (*found) *slot = (lm_slot){.taken = true, .task = *task};
    }
    return status;
}

static int count_running(const lm_worker *w) {
    int n = 0;
    for (int i = 0; i < w->parallel; i++) n += w->slots[i].taken;
    return n;
}

/* Fills free slots. *waits: nothing is left to take until something ends. */
static lm_status fill(lm_worker *w, bool *waits, lm_error *err) {
    lm_status status = LM_OK;
    *waits = false;
    for (int i = 0; i < w->parallel && status == LM_OK && !*waits; i++) {
        lm_slot *slot = &w->slots[i];
        bool found = slot->taken;
        if (!found) status = take_task(w, slot, &found, err);
        if (status == LM_OK && !found) {
            if ((status = plan(w, err)) == LM_OK) status = take_task(w, slot, &found, err);
            *waits = !found;
        }
        if (status == LM_OK && found && slot->pid == 0) status = lm_slot_start(w, slot, err);
    }
    /* Slots behind one that found nothing may hold a task that is to begin again. */
    for (int i = 0; i < w->parallel && status == LM_OK; i++)
        if (w->slots[i].taken && w->slots[i].pid == 0) status = lm_slot_start(w, &w->slots[i], err);
    return status;
}

void lm_worker_wait(double seconds) {
    sigset_t child;
    struct timespec t = {.tv_sec = (time_t)seconds};
    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    (void)sigtimedwait(&child, NULL, &t);
}

/* ---- children ---------------------------------------------------------------------------------*/

static bool reap(lm_worker *w) {
    bool any = false;
    for (int i = 0; i < w->parallel; i++) {
        int status;
        lm_slot *slot = &w->slots[i];
        if (slot->pid > 0 && waitpid(slot->pid, &status, WNOHANG) == slot->pid) {
            lm_slot_end(w, slot, status);
            any = true;
        }
    }
    return any;
}

/* Asks the trials to save and stop, and waits for them. A second Ctrl-C ends this process at once.
 * */
static void stop_trials(lm_worker *w) {
    for (int i = 0; i < w->parallel; i++)
        if (w->slots[i].pid > 0) kill(w->slots[i].pid, SIGTERM);
    for (bool any = true; any;) {
        lm_error aside;
        any = false;
        for (int i = 0; i < w->parallel; i++) any |= w->slots[i].pid > 0;
        if (any && !reap(w)) lm_worker_wait(WAIT_SECONDS);
        (void)lm_worker_beat(&w->file, &aside);
    }
}

/* ---- the loop ---------------------------------------------------------------------------------*/

/* The page of the sweep as it goes, for which a five-hundredth of the time is spent at most. */
static void write_page(lm_worker *w) {
    double began = lm_clock_seconds();
    lm_error err;
    if (w->launch.rank > 0 || began < w->page_due) return;
    char *file = lm_sweep_path(w->sweep, "report.html");
    lm_status status = file ? lm_page_sweep_write(w->sweep->options.dir, file, true, &err)
                            : lm_error_no_memory(&err, NULL);
    if (status != LM_OK && !w->page_told) {
        w->shown = 0;
        lm_message_write(stderr, "lmtrain: warning: no report: %-s\n", err.message);
    }
    w->page_told |= status != LM_OK;
    w->page_due = lm_clock_seconds() + PAGES_COST * (lm_clock_seconds() - began);
    free(file);
}

static void write_leaderboard(lm_worker *w, bool last, lm_error *err, lm_status *status) {
    double now = lm_clock_seconds();
    lm_error aside;
    if (!last && now - w->written < LEADERBOARD_SECONDS) return;
    w->written = now;
    lm_leaderboard_prune(w->sweep, &w->journals, &w->list, w->gone);
    lm_status written = lm_leaderboard_write(w->sweep, &w->journals, last, &aside);
    if (written == LM_OK && !last) write_page(w);
    if (written == LM_OK || !last) return;
    if (*status == LM_OK) {
        *status = written;
        *err = aside;
    }
}

static lm_status run_tasks(lm_worker *w, lm_error *err) {
    lm_status status = plan(w, err);
    while (status == LM_OK) {
        bool waits = false, ended = reap(w);
        if (lm_stop_pending() != 0 || w->interrupted > 0 || w->status != LM_OK) break;
        if ((status = lm_worker_beat(&w->file, err)) != LM_OK) break;
        if ((status = fill(w, &waits, err)) != LM_OK) break;
        if (waits && w->list.complete && count_running(w) == 0) break;
        if (ended) write_leaderboard(w, false, err, &status);
        lm_worker_show(w, false);
        lm_worker_wait(WAIT_SECONDS);
    }
    stop_trials(w);
    return status != LM_OK ? status : w->status;
}

static lm_status interrupted(const lm_worker *w, lm_error *err) {
    lm_error_set(err, LM_ERR_INTERRUPTED,
                 "stopped, the trials have saved; go on with: lmtrain sweep --join %s",
                 w->sweep->options.dir);
    err->exit_code =
        w->interrupted > 0 ? w->interrupted : (int)w->sweep->base.run.interrupt_exit_code;
    return LM_ERR_INTERRUPTED;
}

/* Of copies that were started together: until the others have left, too. */
static void wait_for_others(lm_worker *w) {
    const double most = 60, began = lm_clock_seconds();
    lm_worker_leave(&w->file);
    while (w->launch.size > 1 && lm_worker_count(&w->file, w->sweep).all > 0 &&
           lm_clock_seconds() < began + most)
        lm_worker_wait(WAIT_SECONDS);
}

static lm_status count_failed(const lm_worker *w, lm_error *err) {
    int64_t failed = 0;
    for (int64_t i = 0; i < w->journals.n_trials * w->journals.rungs; i++)
        failed += w->journals.results[i].state == LM_TASK_FAILED;
    if (failed == 0) return LM_OK;
    return lm_error_set(err, LM_ERR_RUNTIME,
                        "%lld trials failed: their logs are %s/trials/*.log; the others are done",
                        (long long)failed, w->sweep->options.dir);
}

static lm_status open_worker(lm_worker *w, const lm_worker_options *o, lm_error *err) {
    lm_status status;
    if ((status = lm_worker_open(&w->file, w->sweep, err)) != LM_OK) return status;
    if ((status = lm_journals_open(&w->journals, w->sweep, err)) != LM_OK) return status;
    /* A usage error of an earlier session may be mended by now. */
    if ((status = lm_journals_read(&w->journals, w->sweep, err)) != LM_OK) return status;
    say_warnings(w);
    status = lm_journal_create(&w->journal, w->sweep, w->file.name, err);
    if (status != LM_OK) return status;
    if ((status = lm_worker_choose(w, o, err)) != LM_OK) return status;
    w->slots = calloc((size_t)w->parallel, sizeof *w->slots);
    w->gone = calloc((size_t)w->sweep->n_settings + 1, sizeof *w->gone);
    return w->slots && w->gone ? LM_OK : lm_error_no_memory(err, NULL);
}

static void close_worker(lm_worker *w) {
    for (int i = 0; w->cpu_locks && i < w->n_cpus; i++) close(w->cpu_locks[i]);
    if (w->journal >= 0) {
        lm_error aside;
        (void)lm_journal_append(w->journal, w->sweep, &(lm_journal_entry){.is_end = true}, &aside);
        close(w->journal);
    }
    lm_worker_close(&w->file);
    lm_journals_close(&w->journals);
    lm_task_list_free(&w->list);
    free(w->slots);
    free(w->gone);
    free(w->cpus);
    free(w->cpu_locks);
}

lm_status lm_worker_run(lm_sweep *s, const lm_worker_options *o, lm_error *err) {
    lm_worker w = {.sweep = s, .journal = -1, .quiet = o->quiet, .file = {.fd = -1}};
    w.launch = o->launch;
    sigset_t child, before;
    w.started = w.written = lm_clock_seconds();
    w.live = !o->quiet && isatty(STDERR_FILENO) == 1;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    lm_stop_listen();
    lm_stop_arm(s->base.checkpoint.before_wall, "waiting for the trials to save");
    if (*lm_stop_wall_problem() && !o->quiet)
        lm_message_write(stderr,
                         "lmtrain: note: when the job ends is not known (%s):"
                         " checkpoint.before_wall does nothing\n",
                         lm_stop_wall_problem());
    lm_status status = open_worker(&w, o, err);
    if (status == LM_OK) {
        status = run_tasks(&w, err);
        if (status == w.status && status != LM_OK) *err = w.why;
        bool stopped = lm_stop_pending() != 0 || w.interrupted > 0;
        if (status == LM_OK && stopped) status = interrupted(&w, err);
        lm_worker_show(&w, true);
        lm_error aside;
        (void)lm_journals_read(&w.journals, s, &aside);
        write_leaderboard(&w, true, err, &status);
        if (status == LM_OK && w.launch.rank == 0) status = count_failed(&w, err);
        if (status == LM_ERR_INTERRUPTED) wait_for_others(&w);
    }
    close_worker(&w);
    lm_stop_restore();
    sigprocmask(SIG_SETMASK, &before, NULL);
    return status;
}
