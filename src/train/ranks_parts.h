/* What rank 0 asks of the others, and they do, between ranks_lead.c and ranks_files.c. */
#ifndef LM_TRAIN_RANKS_PARTS_H
#define LM_TRAIN_RANKS_PARTS_H

#include "train/ranks.h"
#include "train/trainer.h"

typedef enum lm_ranks_kind {
    LM_RANKS_DONE,
    LM_RANKS_CHECK, /* are states finite? */
    LM_RANKS_SEND,  /* a part of an array */
    LM_RANKS_TAKE,  /* the same, to be received */
    LM_RANKS_MEET,  /* does it see the run directory? */
    LM_RANKS_WRITE, /* a checkpoint, together */
} lm_ranks_kind;

typedef struct lm_ranks_request {
    int64_t kind, array; /* WRITE: how many arrays */
} lm_ranks_request;

lm_status lm_ranks_ask(lm_trainer *t, lm_ranks_kind kind, int64_t array, lm_error *err);
/* Remembers that a message did not arrive. */
lm_status lm_ranks_note_lost(lm_trainer *t, lm_status status);

/* Does the array of the checkpoint lie in slices, one in each rank? *state: its number among the
 * optimizer's. */
bool lm_ranks_is_sliced(const lm_trainer *t, int64_t i, int64_t *state);
/* What a rank has of the state: elements that lie together. */
lm_optimizer_array lm_ranks_part(const lm_trainer *t, int64_t state, int rank);

/* Of rank 0: lm_ranks_write with dist.shared_filesystem. */
lm_status lm_ranks_write_together(lm_trainer *t, const char *path, const lm_checkpoint_text *texts,
                                  int64_t n_texts, const char *meta, lm_error *err);
/* Of the others: their part of that, for so many arrays, or of lm_ranks_meet (-1). An error that
 * is `shared` is LM_OK here: rank 0 decides what follows from it. */
lm_status lm_ranks_serve_files(lm_trainer *t, int64_t arrays, lm_error *err);

#endif
