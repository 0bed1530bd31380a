/* Checkpoints that all ranks write together: who writes what, and elements that a piece lacks. */
#include <stdlib.h>
#include <string.h>

#include "checkpoint/together.h"
#include "train/ranks_parts.h"

/* Pieces, and room for those that end in slices of other ranks. */
typedef struct shares {
    lm_checkpoint_piece *pieces;
    int64_t n;
    float *edges; /* those that end there, one behind the other */
} shares;

static bool is_sliced(const lm_trainer *t, int64_t i) {
    int64_t state;
    return lm_ranks_is_sliced(t, i, &state);
}

/* What a rank has of the sliced array. */
static lm_span part_of(const lm_trainer *t, int64_t i, int rank) {
    int64_t state;
    LM_ASSERT(lm_ranks_is_sliced(t, i, &state));
    lm_optimizer_array a = lm_ranks_part(t, state, rank);
    return (lm_span){a.first, a.first + a.count};
}

static lm_span both(lm_span a, lm_span b) {
    return (lm_span){lm_max(a.first, b.first), lm_min(a.end, b.end)};
}

static lm_span span_of(const lm_checkpoint_piece *p) {
    return (lm_span){p->first, p->first + p->count};
}

/* The rank whose slice has the first element. */
static int holder_of(const lm_trainer *t, const lm_checkpoint_piece *p) {
    for (int q = 0; q < lm_comm_size(t->ranks.comm); q++) {
        const lm_span part = part_of(t, p->array, q);
        if (part.first <= p->first && p->first < part.end) return q;
    }
    LM_ASSERT(false);
    return 0;
}

/* Arrays that all ranks have as a whole are shared out evenly, in one run of pieces for each rank;
 * of the others each has those that begin in its slice. */
static void share_out(const lm_trainer *t, shares *s) {
    const int ranks = lm_comm_size(t->ranks.comm);
    int64_t total = 0, before = 0;
    for (int64_t i = 0; i < s->n; i++)
        if (!is_sliced(t, s->pieces[i].array)) total += s->pieces[i].count;
    for (int64_t i = 0; i < s->n; i++) {
        lm_checkpoint_piece *p = &s->pieces[i];
        if (is_sliced(t, p->array)) {
            p->rank = holder_of(t, p);
        } else {
            p->rank = (int)(before * ranks / total);
            before += p->count;
        }
    }
}

/* Where a piece of this rank's begins in what it has of the array. */
static const float *begin_of(const lm_trainer *t, const lm_checkpoint_piece *p) {
    const float *data = t->arrays[p->array].data;
    if (!is_sliced(t, p->array)) return data + p->first;
    return data + (p->first - part_of(t, p->array, p->rank).first);
}

static bool is_edge(const lm_trainer *t, const lm_checkpoint_piece *p) {
    return is_sliced(t, p->array) && part_of(t, p->array, p->rank).end < p->first + p->count;
}

/* Begins to send or receive what other ranks have of the piece; edge [p->count]: in its rank. */
static void complete(lm_trainer *t, const lm_checkpoint_piece *p, float *edge) {
    lm_comm_batch *batch = t->ranks.batch;
    const int rank = lm_comm_rank(t->ranks.comm);
    for (int q = 0; q < lm_comm_size(t->ranks.comm); q++) {
        const lm_span part = part_of(t, p->array, q), have = both(part, span_of(p));
        const size_t size = (size_t)lm_max(have.end - have.first, 0) * sizeof(float);
        if (size == 0) continue;
        const float *own = t->arrays[p->array].data + (have.first - part.first);
        if (q == rank && p->rank == rank) memcpy(edge + (have.first - p->first), own, size);
        if (q == rank && p->rank != rank) lm_comm_send(batch, p->rank, own, size);
        if (q != rank && p->rank == rank)
            lm_comm_receive(batch, q, edge + (have.first - p->first), size);
    }
}

static lm_status reserve(lm_trainer *t, shares *s, int64_t arrays, lm_error *err) {
    const int rank = lm_comm_rank(t->ranks.comm);
    s->n = lm_checkpoint_pieces(t->arrays, arrays, NULL);
    s->pieces = calloc((size_t)s->n + 1, sizeof *s->pieces);
    if (!s->pieces) return lm_error_no_memory(err, "a checkpoint's pieces");
    lm_checkpoint_pieces(t->arrays, arrays, s->pieces);
    share_out(t, s);
    int64_t elements = 0;
    for (int64_t i = 0; i < s->n; i++)
        if (s->pieces[i].rank == rank && is_edge(t, &s->pieces[i])) elements += s->pieces[i].count;
    s->edges = malloc((size_t)(elements + 1) * sizeof *s->edges);
    return s->edges ? LM_OK : lm_error_no_memory(err, "a checkpoint's pieces");
}

static lm_status find_data(lm_trainer *t, shares *s, lm_error *err) {
    const int rank = lm_comm_rank(t->ranks.comm);
    float *edge = s->edges;
    for (int64_t i = 0; i < s->n; i++) {
        lm_checkpoint_piece *p = &s->pieces[i];
        const bool own = p->rank == rank, lacks = is_edge(t, p);
        if (own) p->data = lacks ? edge : begin_of(t, p);
        if (lacks) complete(t, p, edge);
        if (own && lacks) edge += p->count;
    }
    return lm_comm_wait(t->ranks.batch, err);
}

static lm_status write_shares(lm_trainer *t, const lm_checkpoint_file *file, lm_error *err) {
    shares s = {0};
    lm_status status = reserve(t, &s, file->n, err);
    if ((status = lm_comm_agree(t->ranks.comm, status, err)) != LM_OK) goto out;
    if ((status = find_data(t, &s, err)) != LM_OK) goto out;
    status = lm_checkpoint_write_together(t->ranks.comm, file, s.pieces, s.n, t->pool, err);
out:
    free(s.edges);
    free(s.pieces);
    return status;
}

/* Have all ranks the same result? */
static bool is_shared(lm_status status, const lm_error *err) {
    return status == LM_OK || err->shared;
}

lm_status lm_ranks_serve_files(lm_trainer *t, int64_t arrays, lm_error *err) {
    const lm_checkpoint_file file = {.arrays = t->arrays, .n = arrays};
    lm_status status = arrays < 0 ? lm_checkpoint_check_shared(t->ranks.comm, NULL, err)
                                  : write_shares(t, &file, err);
    return is_shared(status, err) ? LM_OK : status;
}

/* Rank 0: what is not shared is lost. */
static lm_status note(lm_trainer *t, lm_status status, const lm_error *err) {
    if (!is_shared(status, err)) lm_ranks_note_lost(t, status);
    return status;
}

lm_status lm_ranks_write_together(lm_trainer *t, const char *path, const lm_checkpoint_text *texts,
                                  int64_t n_texts, const char *meta, lm_error *err) {
    const lm_checkpoint_file file = {.arrays = t->arrays,
                                     .n = lm_trainer_arrays(t),
                                     .path = path,
                                     .texts = texts,
                                     .n_texts = n_texts,
                                     .meta_json = meta};
    lm_status status = lm_ranks_ask(t, LM_RANKS_WRITE, file.n, err);
    return status == LM_OK ? note(t, write_shares(t, &file, err), err) : status;
}

lm_status lm_ranks_meet(lm_trainer *t, lm_error *err) {
    if (!t->ranks.comm || !t->config->dist.shared_filesystem) return LM_OK;
    char *path = lm_checkpoint_path(t->dir.checkpoints, 0);
    if (!path) return lm_error_no_memory(err, t->dir.checkpoints);
    lm_status status = lm_ranks_ask(t, LM_RANKS_MEET, 0, err);
    if (status == LM_OK)
        status = note(t, lm_checkpoint_check_shared(t->ranks.comm, path, err), err);
    free(path);
    return status;
}
