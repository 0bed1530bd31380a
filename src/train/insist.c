/* Waiting for room on a full disk when a run ends: what it learned since the last checkpoint would
 * be lost otherwise. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "machine/stop.h"
#include "train/trainer.h"

#define LONGEST_PAUSE 30.0 /* seconds between two attempts; the first pause is one second */
#define SLICE         0.25 /* of a pause: how soon room and signals are noticed */

/* Of requests to stop, only a signal that came since the attempts began ends them. The end of the
 * job does not: its scheduler sends a signal before it kills. */
static bool gives_up(int before) {
    int now = lm_stop_pending();
    return now > 0 && now != before;
}

/* A pause ends early when a signal comes and when there is room at last. Where the filesystem said
 * before that there is room (a quota is not in its figures), its figures say nothing. */
static void wait_a_while(lm_trainer *t, double seconds, int before) {
    const struct timespec slice = {.tv_nsec = (long)(SLICE * 1e9)};
    bool full = !lm_trainer_has_room(t);
    for (double waited = 0; waited < seconds && !gives_up(before); waited += SLICE) {
        nanosleep(&slice, NULL);
        lm_comm_alive(t->ranks.comm);
        if (full && lm_trainer_has_room(t)) return;
    }
}

/* Seconds. */
static double patience(const lm_trainer *t) {
    return t->settings->gives_up ? t->settings->waits : (double)INFINITY;
}

/* What could be deleted: older checkpoints of this run are the nearest. */
static void tell(lm_trainer *t, const char *what, const lm_error *err) {
    char older[32], most[64] = "until there is room";
    uint64_t all = lm_checkpoint_bytes(t->dir.checkpoints);
    uint64_t newest = t->saved ? lm_file_size(t->saved) : 0;
    lm_text line = {0};
    lm_text_say(&line, "warning: step %" PRId64 ": %s cannot be written: %-s\n", t->state.step,
                what, err->message);
    if (t->settings->gives_up) snprintf(most, sizeof most, "%.0f s for room", t->settings->waits);
    lm_text_say(&line, "waiting %s: delete files on the filesystem that holds %s%s", most,
                t->dir.path, t->saved && all > newest ? ", for example" : "");
    if (t->saved && all > newest)
        lm_text_say(&line, " the older checkpoints of this run (%s): all but %s",
                    lm_text_bytes(older, sizeof older, (double)(all - newest)), t->saved);
    lm_text_say(&line, ". Ctrl-C or SIGTERM gives up%s",
                t->saved_step == t->state.step
                    ? ""
                    : ", and what was learned since the last checkpoint is lost");
    lm_progress_warn(&t->progress, "%-s", lm_text_cstr(&line));
    lm_text_free(&line);
}

static lm_status give_up(const lm_trainer *t, double waited, lm_error *err) {
    if (waited >= patience(t))
        return lm_error_prefix(err, "gave up waiting for room after %.0f s, after step %" PRId64,
                               waited, t->state.step);
    return lm_error_prefix(err, "gave up waiting for room, by signal %d, after step %" PRId64,
                           lm_stop_pending(), t->state.step);
}

lm_status lm_trainer_insist(lm_trainer *t, const char *what,
                            lm_status (*write)(lm_trainer *t, lm_error *err), lm_error *err) {
    double began = lm_clock_seconds(), pause = 1;
    int before = lm_stop_pending();
    lm_status status = write(t, err);
    if (status == LM_OK || !err->no_room) return status;
    tell(t, what, err);
    while (status != LM_OK && err->no_room) {
        double waited = lm_clock_seconds() - began;
        if (gives_up(before) || waited >= patience(t)) return give_up(t, waited, err);
        wait_a_while(t, fmin(pause, patience(t) - waited), before);
        pause = fmin(2 * pause, LONGEST_PAUSE);
        status = write(t, err);
    }
    if (status == LM_OK)
        lm_progress_warn(&t->progress,
                         "step %" PRId64 ": there is room again; %s was written after"
                         " %.0f s",
                         t->state.step, what, lm_clock_seconds() - began);
    return status;
}
