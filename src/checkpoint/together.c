#include "checkpoint/together.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "checkpoint/frame.h"
#include "checkpoint/layout.h"
#include "checkpoint/planes.h"

enum { TASKS_PER_THREAD = 16 }; /* of a region: what waits for messages is heard of between them */

_Static_assert(LM_CHECKPOINT_PIECE == LM_PLANE_CHUNK, "a piece's planes are the file's chunks");

/* A plane of one of this rank's pieces. */
typedef struct own {
    const lm_checkpoint_piece *piece;
    lm_frame_chunk *is;
    uint64_t offset;
    unsigned char *kept; /* [is->size]; NULL: to be compressed again */
    int plane;
} own;

typedef struct worker {
    lm_plane_coder *coder;
    unsigned char *split, *out; /* [LM_PLANE_CHUNK], [LM_PLANE_BOUND] */
    lm_error error;
} worker;

typedef struct together {
    lm_comm *comm;
    lm_frame frame;
    char temporary[4096];
    const lm_checkpoint_piece *pieces;
    int64_t n;
    lm_pool *pool;
    lm_frame_chunk *chunks; /* [n][LM_PLANES]: those of rank 0 first, then those of rank 1, ... */
    int64_t *places;        /* [n]: where in chunks a piece's are */
    size_t *bytes;          /* [ranks + 1]: which of them each rank has */
    own *owns;              /* [n_owns] */
    int64_t n_owns, at;     /* the region computes those from `at` on */
    worker *workers;        /* [threads] */
    atomic_llong room;      /* for what is kept */
    lm_error *err;
} together;

int64_t lm_checkpoint_pieces(const lm_checkpoint_array *arrays, int64_t n,
                             lm_checkpoint_piece *pieces) {
    int64_t total = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t count = 0;
        LM_ASSERT(lm_layout_count(&arrays[i], &count));
        for (int64_t first = 0; first < count; first += LM_CHECKPOINT_PIECE, total++)
            if (pieces)
                pieces[total] =
                    (lm_checkpoint_piece){.array = i,
                                          .first = first,
                                          .count = lm_min(count - first, LM_CHECKPOINT_PIECE)};
    }
    return total;
}

uint64_t lm_checkpoint_together_bytes(int threads, uint64_t pieces) {
    uint64_t each = (uint64_t)LM_PLANE_CHUNK + LM_PLANE_BOUND + lm_plane_coder_bytes();
    return (uint64_t)threads * each + (pieces < LM_TOGETHER_KEPT ? pieces : LM_TOGETHER_KEPT);
}

/* ---- memory -----------------------------------------------------------------------------------*/

static lm_status no_memory(const together *t) {
    return lm_error_no_memory(t->err, "a checkpoint's chunks");
}

static lm_status reserve_workers(together *t) {
    const int threads = lm_pool_threads(t->pool);
    t->workers = calloc((size_t)threads, sizeof *t->workers);
    if (!t->workers) return no_memory(t);
    for (int i = 0; i < threads; i++) {
        worker *w = &t->workers[i];
        w->coder = lm_plane_coder_create();
        w->split = malloc((size_t)LM_PLANE_CHUNK);
        w->out = malloc(LM_PLANE_BOUND);
        if (!w->coder || !w->split || !w->out) return no_memory(t);
    }
    return LM_OK;
}

/* Which chunks are whose. */
static lm_status reserve_chunks(together *t) {
    const int ranks = lm_comm_size(t->comm), rank = lm_comm_rank(t->comm);
    int64_t n = 0, begins = 0;
    t->chunks = calloc((size_t)t->n * LM_PLANES + 1, sizeof *t->chunks);
    t->places = calloc((size_t)t->n + 1, sizeof *t->places);
    t->bytes = calloc((size_t)ranks + 1, sizeof *t->bytes);
    if (!t->chunks || !t->places || !t->bytes) return no_memory(t);
    for (int r = 0; r < ranks; r++) {
        if (r == rank) begins = n;
        for (int64_t i = 0; i < t->n; i++)
            if (t->pieces[i].rank == r) t->places[i] = n++;
        if (r == rank) t->n_owns = (n - begins) * LM_PLANES;
        t->bytes[r + 1] = (size_t)n * LM_PLANES * sizeof *t->chunks;
    }
    LM_ASSERT(n == t->n);
    t->owns = calloc((size_t)t->n_owns + 1, sizeof *t->owns);
    if (!t->owns) return no_memory(t);
    for (int64_t i = 0; i < t->n; i++)
        for (int p = 0; t->pieces[i].rank == rank && p < LM_PLANES; p++)
            t->owns[(t->places[i] - begins) * LM_PLANES + p] = (own){
                .piece = &t->pieces[i], .is = &t->chunks[t->places[i] * LM_PLANES + p], .plane = p};
    return LM_OK;
}

static void release(together *t) {
    for (int64_t i = 0; t->owns && i < t->n_owns; i++) free(t->owns[i].kept);
    for (int i = 0; t->workers && i < lm_pool_threads(t->pool); i++) {
        lm_plane_coder_free(t->workers[i].coder);
        free(t->workers[i].split);
        free(t->workers[i].out);
    }
    free(t->workers);
    free(t->owns);
    free(t->bytes);
    free(t->places);
    free(t->chunks);
    if (lm_comm_rank(t->comm) > 0) lm_file_writer_leave(&t->frame.file);
    lm_frame_free(&t->frame);
    free(t);
}

/* ---- chunks -----------------------------------------------------------------------------------*/

static void compress(const own *o, worker *w) {
    *o->is =
        lm_frame_compress(w->coder, o->piece->count, o->piece->data, o->plane, w->split, w->out);
}

/* Without memory it is compressed again. */
static void keep(together *t, own *o, const worker *w) {
    const long long size = o->is->size;
    if (4 * size > 3 * o->piece->count) return;
    if (atomic_fetch_sub(&t->room, size) >= size && (o->kept = malloc((size_t)size))) {
        memcpy(o->kept, w->out, (size_t)size);
    } else {
        atomic_fetch_add(&t->room, size);
    }
}

static void measure_task(void *argument, int64_t task, int number) {
    together *t = argument;
    own *o = &t->owns[t->at + task];
    compress(o, &t->workers[number]);
    keep(t, o, &t->workers[number]);
}

static void write_task(void *argument, int64_t task, int number) {
    together *t = argument;
    own *o = &t->owns[t->at + task];
    worker *w = &t->workers[number];
    if (w->error.code != LM_OK) return;
    if (!o->kept) compress(o, w);
    lm_file_writer_write_at(&t->frame.file, o->offset, o->kept ? o->kept : w->out, o->is->size,
                            &w->error);
}

static void run(together *t, void (*task)(void *argument, int64_t task, int worker)) {
    const int64_t most = (int64_t)TASKS_PER_THREAD * lm_pool_threads(t->pool);
    for (t->at = 0; t->at < t->n_owns; t->at += most)
        lm_pool_run(t->pool, lm_min(most, t->n_owns - t->at), task, t);
}

/* Headers, and where this rank's chunks go. */
static lm_status place_all(together *t) {
    lm_frame *f = &t->frame;
    const lm_frame_chunk *mine = t->chunks + t->bytes[lm_comm_rank(t->comm)] / sizeof *t->chunks;
    lm_status status = LM_OK;
    for (int64_t array = 0, begin = 0, end; array < f->n; array++, begin = end) {
        for (end = begin; end < t->n && t->pieces[end].array == array;) end++;
        if ((status = lm_frame_begin_array(f, array)) != LM_OK) return status;
        for (int p = 0; p < LM_PLANES; p++) {
            for (int64_t i = begin; i < end; i++) {
                const lm_frame_chunk *c = &t->chunks[t->places[i] * LM_PLANES + p];
                uint64_t offset = lm_frame_place(f, array, c, t->pieces[i].count);
                if (t->pieces[i].rank == lm_comm_rank(t->comm)) t->owns[c - mine].offset = offset;
            }
        }
        if ((status = lm_frame_end_array(f, array)) != LM_OK) return status;
    }
    return f->blind ? LM_OK : lm_frame_end(f);
}

static lm_status write_all(together *t) {
    run(t, write_task);
    for (int i = 0; i < lm_pool_threads(t->pool); i++) {
        if (t->workers[i].error.code == LM_OK) continue;
        *t->err = t->workers[i].error;
        return t->err->code;
    }
    return lm_file_writer_sync(&t->frame.file, t->err);
}

/* ---- the file ---------------------------------------------------------------------------------*/

static lm_status not_seen(lm_comm *comm, const char *path, lm_status code, lm_error *err) {
    return lm_error_set(err, code,
                        "%s: rank 0 on %s has made this file and %s does not see it, but"
                        " dist.shared_filesystem = true: let run.dir be on a filesystem that all"
                        " hosts share, or set dist.shared_filesystem to false",
                        path, lm_comm_host(comm, 0), lm_comm_host(comm, lm_comm_rank(comm)));
}

/* Rank 0 makes the file, under a name that none had before, so that no rank takes another file for
 * it; all learn the name. */
static lm_status make_together(lm_comm *comm, const char *path, lm_file_writer *w,
                               char temporary[4096], lm_error *err) {
    lm_status status = LM_OK;
    if (lm_comm_rank(comm) == 0) {
        char *name = lm_file_temporary(path);
        if (!name) {
            status = lm_error_no_memory(err, path);
        } else if (strlen(name) >= 4096) {
            status = lm_error_set(err, LM_ERR_RUNTIME, "%s: a path of 4095 bytes at most", path);
        } else {
            strcpy(temporary, name);
            status = lm_file_writer_open_as(w, path, temporary, err);
        }
        free(name);
    }
    if ((status = lm_comm_agree(comm, status, err)) != LM_OK) return status;
    return lm_comm_broadcast(comm, 0, temporary, 4096, err);
}

/* The others open it; `unseen`: the code of the error when one does not see it. */
static lm_status join_together(lm_comm *comm, lm_file_writer *w, const char *temporary,
                               lm_status unseen, lm_error *err) {
    lm_status status = LM_OK;
    bool seen = true;
    if (lm_comm_rank(comm) > 0) status = lm_file_writer_join(w, temporary, &seen, err);
    if (!seen) status = not_seen(comm, temporary, unseen, err);
    if (seen && status != LM_OK)
        lm_error_append(err, "; with dist.shared_filesystem = true every process writes there");
    return lm_comm_agree(comm, status, err);
}

/* ---- can it be done here? ---------------------------------------------------------------------*/

/* Ranks take turns, so that each page is written by several. */
enum { TRIAL_PIECE = 1000, TRIAL_PIECES = 8 }; /* bytes; of each rank */

static unsigned char trial_byte(int64_t piece) {
    return (unsigned char)(piece % 251 + 1);
}

/* Rank 0 gives the file its length before the others open it, and all have written before any
 * syncs: one whose host sends whole pages then overwrites what others wrote. */
static lm_status write_trial(lm_comm *comm, lm_file_writer *w, const char *temporary,
                             lm_error *err) {
    const int64_t ranks = lm_comm_size(comm), rank = lm_comm_rank(comm);
    const int64_t n = ranks * TRIAL_PIECES;
    unsigned char bytes[TRIAL_PIECE];
    lm_status status = LM_OK;
    if (rank == 0) status = lm_file_writer_write_at(w, (uint64_t)(n * TRIAL_PIECE), "", 1, err);
    if (rank == 0 && status == LM_OK) status = lm_file_writer_share(w, err);
    if ((status = lm_comm_agree(comm, status, err)) != LM_OK) return status;
    status = join_together(comm, w, temporary, LM_ERR_USAGE, err);
    if (status != LM_OK) return status;
    for (int64_t i = rank; i < n && status == LM_OK; i += ranks) {
        memset(bytes, trial_byte(i), sizeof bytes);
        status = lm_file_writer_write_at(w, (uint64_t)(i * TRIAL_PIECE), bytes, sizeof bytes, err);
    }
    if ((status = lm_comm_agree(comm, status, err)) != LM_OK) return status;
    status = lm_file_writer_sync(w, err);
    lm_file_writer_leave(w);
    return lm_comm_agree(comm, status, err);
}

/* Rank 0: has the file what all wrote? */
static lm_status read_trial(const lm_comm *comm, const char *temporary, lm_error *err) {
    const int64_t ranks = lm_comm_size(comm);
    unsigned char bytes[TRIAL_PIECE];
    lm_file_reader r;
    lm_status status = lm_file_reader_open(&r, temporary, err);
    for (int64_t i = 0; i < ranks * TRIAL_PIECES && status == LM_OK; i++) {
        status = lm_file_reader_at(&r, (uint64_t)(i * TRIAL_PIECE), bytes, sizeof bytes, err);
        for (size_t k = 0; k < sizeof bytes && status == LM_OK; k++)
            if (bytes[k] != trial_byte(i))
                status = lm_error_set(
                    err, LM_ERR_USAGE,
                    "%s: all processes wrote to this file at once, and what rank %d on %s wrote is"
                    " not in it: the filesystem of run.dir cannot do that; set"
                    " dist.shared_filesystem to false",
                    temporary, (int)(i % ranks), lm_comm_host(comm, (int)(i % ranks)));
    }
    lm_file_reader_close(&r);
    return status;
}

lm_status lm_checkpoint_check_shared(lm_comm *comm, const char *path, lm_error *err) {
    const bool first = lm_comm_rank(comm) == 0;
    char temporary[4096] = "";
    lm_file_writer w = {.fd = -1};
    lm_error aside;
    lm_status status = make_together(comm, path, &w, temporary, err);
    if (status == LM_OK) {
        status = write_trial(comm, &w, temporary, err);
        lm_file_writer_leave(&w);
        if (status == LM_OK)
            status = lm_comm_agree(comm, first ? read_trial(comm, temporary, err) : LM_OK, err);
        if (first) (void)lm_file_remove(temporary, &aside);
    }
    return status;
}

lm_status lm_checkpoint_write_together(lm_comm *comm, const lm_checkpoint_file *file,
                                       const lm_checkpoint_piece *pieces, int64_t n, lm_pool *pool,
                                       lm_error *err) {
    const bool first = lm_comm_rank(comm) == 0;
    together *t = calloc(1, sizeof *t);
    lm_status status = t ? LM_OK : lm_error_no_memory(err, NULL);
    if ((status = lm_comm_agree(comm, status, err)) != LM_OK) {
        free(t);
        return status;
    }
    *t = (together){.comm = comm, .pieces = pieces, .n = n, .pool = pool, .err = err};
    t->frame = (lm_frame){.arrays = file->arrays, .n = file->n, .blind = !first, .err = err};
    if (first) t->frame.texts = file->texts;
    if (first) t->frame.n_texts = file->n_texts;
    atomic_init(&t->room, (long long)LM_TOGETHER_KEPT);
    status = make_together(comm, file->path, &t->frame.file, t->temporary, err);
    if (status != LM_OK) goto out;
    status = lm_frame_begin(&t->frame, first ? file->meta_json : "{\n}\n");
    if (status == LM_OK) status = reserve_workers(t);
    if (status == LM_OK) status = reserve_chunks(t);
    if ((status = lm_comm_agree(comm, status, err)) != LM_OK) goto out;
    run(t, measure_task);
    if ((status = lm_comm_all(comm, t->chunks, t->bytes, err)) != LM_OK) goto out;
    status = place_all(t);
    if (status == LM_OK && first) status = lm_file_writer_share(&t->frame.file, err);
    if ((status = lm_comm_agree(comm, status, err)) != LM_OK) goto out;
    status = join_together(comm, &t->frame.file, t->temporary, LM_ERR_RUNTIME, err);
    if (status != LM_OK) goto out;
    status = write_all(t);
    if (!first) lm_file_writer_leave(&t->frame.file);
    if ((status = lm_comm_agree(comm, status, err)) != LM_OK) goto out;
    if (first) status = lm_file_writer_commit(&t->frame.file, err);
    status = lm_comm_agree(comm, status, err);
out:
    release(t);
    return status;
}
