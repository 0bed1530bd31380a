/* The state of a training run, shared by the files of this room:
 *
 *     open.c plan.c warnings.c   what a run starts from (setup.h)
 *     trainer.c init.c groups.c  its memory, the weights of a new run, the optimizer's rows
 *     pace.c                     what a step is by the schedules
 *     step.c audit.c profile.c   one step, its digest, and where its time goes
 *     average.c                  the average of the weights
 *     guard.c windows.c          a step that was refused, and which windows are to blame
 *     rewind.c                   going back to a checkpoint
 *     follow.c follow/           what follows a step (follow.h)
 *     page.c layers.c sample.c   report.html; figures of each parameter; texts of the model
 *     budget.c                   steps out of a budget, and the speed of a run (budget.h)
 *     ranks.c ranks_lead.c       several processes (ranks.h)
 *     save.c resume.c run_dir.c  checkpoints, going on from one, the directory
 *     insist.c                   waiting for room on a full disk when the run ends
 *     train.c                    the run, from start to end
 *
 * lm_trainer_create and lm_trainer_step are all that a measurement of the step needs. A
 * zero-initialised trainer with settings and config may be freed. */
#ifndef LM_TRAIN_TRAINER_H
#define LM_TRAIN_TRAINER_H

#include "dist/lanes.h"
#include "model/abreast.h"
#include "report/metrics.h"
#include "report/progress.h"
#include "report/targets.h"
#include "report/tensorboard.h"
#include "saved/saved.h"
#include "train/audit.h"
#include "train/groups.h"
#include "train/layers.h"
#include "train/page.h"
#include "train/profile.h"
#include "train/ranks.h"
#include "train/run_dir.h"
#include "train/sample.h"
#include "train/setup.h"
#include "train/train.h"

/* The steps whose figures were put into events last. */
typedef struct lm_event_marks {
    int64_t step, evaluation, sample;
} lm_event_marks;

/* A step that was refused: weights and state are as they were. */
typedef struct lm_refused_step {
    int64_t step;
    char why[160]; /* in words: "the loss stopped being finite (...)" */
    bool spike;    /* the figures are finite */
    double loss, grad_norm, lr;
} lm_refused_step;

typedef struct lm_trainer {
    const lm_train_settings *settings;
    const lm_config *config;
    lm_setup setup;
    lm_saved from; /* what run.init_from names; closed when it is not needed */
    lm_text said;  /* lines about it */
    lm_pool *pool;
    lm_compute compute;
    lm_model *model;
    lm_abreast abreast; /* the model, and those beside it that compute lanes at the same time */
    lm_groups groups;
    lm_optimizer *optimizer;
    double average_share; /* of the last step, with an optimizer that averages */
    lm_average average;   /* of the weights; its values are NULL: none is kept */
    bool showing;         /* the model's weights are what is evaluated (lm_trainer_show_average) */
    double *rates;        /* [3, groups.count]: learning rates, momenta, weight decays of a step */
    lm_arena batch_arena;
    int32_t *batch;           /* [abreast, micro_batch, context_length + 1] */
    int32_t *behind;          /* [abreast, micro_batch, model.multi_token.count]; NULL: not read */
    double *window_losses;    /* [train.batch]: of a step */
    uint64_t *window_digests; /* the same */
    double *lane_squares;     /* [train.lanes]: of a step, for its noise scale; NULL: not wanted */
    int64_t batch_windows;    /* of the last step, taken or not; 0: none yet */
    int64_t batch_from;       /* its state.samples when it began */
    lm_arena lane_arena;
    float *lane_buffers[LM_LANES_LOG_MOST + LM_ABREAST_MOST]; /* [0]: the model's gradients */
    lm_lanes lanes;
    lm_ranks ranks;
    lm_checkpoint_array *arrays; /* of a checkpoint; those of the average are the last */
    int64_t n_arrays;
    lm_run_dir dir;
    lm_metrics metrics;
    lm_progress progress;
    lm_run_state state;
    bool finished;               /* before this session: there is nothing to do */
    bool paused;                 /* the same, up to the step that this session was asked for */
    char *saved;                 /* path of the newest checkpoint; NULL: none */
    int64_t newest_step;         /* its step */
    int64_t saved_step;          /* the same; -1: none, or it lacks the evaluation of its step */
    lm_checkpoint_losses losses; /* validation losses of the checkpoints that were read so far */
    bool metrics_late;           /* the user was told that lines of metrics wait */
    lm_noise_figures noise;      /* which the figures of that step point to */
    lm_step_figures figures;     /* the last step of this session; step 0: none yet */
    lm_refused_step refused;     /* the last one that was refused */
    lm_data_figures data;        /* lm_trainer_data_figures */
    lm_targets targets;          /* of the whole run */
    int64_t reported_step;       /* the last step whose figures were reported */
    lm_audit audit;
    lm_profile profile;
    lm_page_writer page;
    const char *error; /* why the run ended; NULL: not so */
    lm_layers layers;
    lm_sampling sampling;
    lm_events events; /* path NULL: none are written */
    lm_event_marks event_marks;
    /* Seconds. "This session" is this process: a run may have had earlier ones. */
    double seconds_before; /* all earlier sessions */
    double started;        /* lm_clock_seconds() when this session began */
    int64_t began;         /* Unix time of that */
    double peak_measured;  /* lm_clock_seconds() when the peak was; 0: not yet */
    double gradients_took; /* the last step's part of windows, which grows with train.batch */
    double stepping;       /* this session's steps */
    double longest_step;   /* in this session */
    double save_seconds;   /* the longest checkpoint in this session */
    int64_t first_step;    /* steps done before this session */
    int64_t first_tokens;  /* and the tokens of these */
} lm_trainer;

/* Allocates what the plan says, for t->setup. */
lm_status lm_trainer_create(lm_trainer *t, lm_error *err);
void lm_trainer_free(lm_trainer *t);

/* One step on the next windows of the training data: their gradients, clipping, the optimizer's
 * update. t->state moves on by one step, whose figures are then in t->figures. LM_ERR_DIVERGED,
 * with weights and state as they were and t->refused filled in, when the loss or the gradient is
 * not finite or a spike (train.spike_sigma). Allocates nothing. Of several processes, weights may
 * still be on their way to this one: call lm_ranks_await_weights before anything but another step
 * reads or writes them. */
lm_status lm_trainer_step(lm_trainer *t, lm_error *err);
/* The number in the run of window i of the last step, 0 <= i < t->batch_windows. */
int64_t lm_trainer_window(const lm_trainer *t, int64_t i);
/* *norm receives the norm of what window i of the step that was refused adds to its gradient, which
 * is overwritten. */
lm_status lm_trainer_window_norm(lm_trainer *t, int64_t i, double *norm, lm_error *err);
/* After a step that was refused, and *err says so: skips it or goes back to a checkpoint, as the
 * config allows, which is LM_OK and is told. Else LM_ERR_DIVERGED; *err is added to. */
lm_status lm_trainer_guard(lm_trainer *t, lm_error *err);
/* The same after a step that was taken and left weights or an evaluation that are not finite. */
lm_status lm_trainer_guard_taken(lm_trainer *t, lm_error *err);
/* Goes back to the checkpoint of step t->state.rewind_step, 0: to the start of the run, and on with
 * window `next`. Weights, optimizer, state and run directory are then what they were there, but for
 * the counts of what the guards did; t->saved names the checkpoint, NULL: the start. *from receives
 * the window that came next there. */
lm_status lm_trainer_rewind(lm_trainer *t, int64_t next, int64_t *from, lm_error *err);

/* Takes the weights that the step has made into the average, when there is one to keep and it has
 * begun. */
void lm_trainer_average(lm_trainer *t, const lm_schedule_time *time);
/* How many of t->arrays a checkpoint of the present state has. */
int64_t lm_trainer_arrays(const lm_trainer *t);
/* From here to lm_trainer_hide_average the model has the weights that are evaluated
 * (saved/weights.h). Its own are kept in the gradients, which mean nothing between steps, and come
 * back to the bit. false: its own are what is evaluated, nothing changes. */
bool lm_trainer_show_average(lm_trainer *t);
void lm_trainer_hide_average(lm_trainer *t); /* nothing, unless they are shown */

/* Is the step just done a multiple of `every`? 0: never. */
bool lm_trainer_at_interval(const lm_trainer *t, int64_t every);
/* Is this the process that writes and reports? Of several it is rank 0. */
bool lm_trainer_leads(const lm_trainer *t);
/* Has this step of the run a line in metrics.jsonl? The first and the last have, and those of every
 * log.metrics_every. Which steps have does not depend on where sessions begin and end. */
bool lm_trainer_logs(const lm_trainer *t, int64_t step);
/* Is the evaluation of the step just done due, and not made yet? A session that was stopped may
 * have left it to this one. */
bool lm_trainer_evaluation_due(const lm_trainer *t);
/* Are all steps and the last evaluation done, or is it stopped? */
bool lm_trainer_is_finished(const lm_trainer *t);
/* Has the loss not improved for so many evaluations that the run ends before its last step
 * (eval.patience)? It is finished then. */
bool lm_trainer_is_stopped(const lm_trainer *t);
/* Is the run not finished, but all done that settings->until asks for? */
bool lm_trainer_is_paused(const lm_trainer *t);
/* The last step that this session is to take: train.steps, or less by settings->until. */
int64_t lm_trainer_last_step(const lm_trainer *t);
/* Measures the machine's peak for the line of progress, when the session has lasted a second and
 * the last measurement took less than a hundredth of the time since then. The highest counts: a
 * machine is sometimes busy with other things. */
void lm_trainer_measure_peak(lm_trainer *t);

/* The figures of each source and each validation set, of those that have names or are several, as
 * t->state has them; it is t->data. Allocates nothing. */
const lm_data_figures *lm_trainer_data_figures(lm_trainer *t);

/* Opens the file of events that log.tensorboard asks for. When that fails the user hears of it. */
void lm_trainer_open_events(lm_trainer *t);
/* Replaces report.html; running: the run goes on after it. When that fails the user hears of it,
 * once. */
void lm_trainer_write_page(lm_trainer *t, bool running);

/* What metrics.jsonl may hold where the run stands. */
lm_metrics_mark lm_trainer_metrics_mark(const lm_trainer *t);
/* Seconds since the start of the run, earlier sessions included. */
double lm_trainer_seconds(const lm_trainer *t);

/* t->state of a run that has done nothing yet. */
void lm_trainer_begin_state(lm_trainer *t);
/* Weights, optimizer and state of a checkpoint of this run, or of one that it goes on from. Of the
 * state, the digests of the data stay. */
lm_status lm_trainer_take(lm_trainer *t, const lm_saved *from, lm_error *err);
/* The weights of a new run: random ones, or those of run.init_from. */
lm_status lm_trainer_init(lm_trainer *t, lm_error *err);
/* Go on from the newest good checkpoint, or the one that was asked for: weights, optimizer, state.
 * Checks that config and data are those of the checkpoint. When there is no checkpoint the state
 * stays that of a new run; when there are some and none is good it is an error. A run that is
 * finished sets t->finished; when a key that alters its result is not what it was, that is an
 * error. One that has all steps that settings->until asks for sets t->paused. No file is
 * changed. */
lm_status lm_trainer_resume(lm_trainer *t, lm_error *err);
/* Makes the checkpoint that the run goes on from its newest one, and removes what a killed session
 * left half-written. Only after that may the metrics be cut. */
lm_status lm_trainer_settle(lm_trainer *t, lm_error *err);
/* Write the checkpoint of the present step and read it back. Weights that are not finite are not
 * written: LM_ERR_DIVERGED. */
lm_status lm_trainer_write(lm_trainer *t, lm_error *err);
/* The same, unless it is written already; then old ones go, as the config says. */
lm_status lm_trainer_save(lm_trainer *t, lm_error *err);
/* LM_ERR_DIVERGED when weights or the optimizer's state are not finite. */
lm_status lm_trainer_check_finite(lm_trainer *t, lm_error *err);
/* Does the filesystem say that a checkpoint fits? */
bool lm_trainer_has_room(const lm_trainer *t);
/* Writes what a run ends with: calls write, and while it fails for want of room says what to
 * delete and calls it again, until it succeeds or a signal comes that had not come before. `what`
 * follows "warning: step 40: " and precedes " cannot be written". */
lm_status lm_trainer_insist(lm_trainer *t, const char *what,
                            lm_status (*write)(lm_trainer *t, lm_error *err), lm_error *err);
/* By how much the finished run exceeds its train.budget, as a share of it; NaN: it has none, or is
 * not finished. */
double lm_trainer_budget_missed(const lm_trainer *t);
/* Write summary.json: "running" at the start of a session, then how it ended (exit_code -1: not
 * yet). */
lm_status lm_trainer_summarise(lm_trainer *t, const char *state, int exit_code, lm_error *err);

#endif
