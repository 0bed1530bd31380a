#include "dist/exchange_lines.h"

#include <string.h>

enum {
    BLOCK = 1 << 15, /* elements of a block of lines: long enough for a network, short for caches */
    BLOCK_LEAST = 16, /* lines of it */
    PIECE = 1 << 13   /* elements of a task */
};

/* ---- creating ---------------------------------------------------------------------------------*/

/* All memory; e has lanes, tables and n. */
static void take_pieces(lm_exchange_lines *e, int ranks, int rank, lm_arena *arena) {
    int64_t columns = 0, most = 0;
    for (int64_t k = 0; k < e->n; k++) {
        columns = lm_max(columns, e->tables[k].columns);
        most += e->tables[k].most;
    }
    e->block = lm_min(lm_max(BLOCK / columns, BLOCK_LEAST), ranks * most);
    e->counts = lm_arena_array(arena, ranks, e->n, sizeof *e->counts);
    e->bytes = lm_arena_array(arena, ranks + 1, 1, sizeof *e->bytes);
    e->lists = lm_arena_array(arena, ranks, most, sizeof *e->lists);
    e->told = lm_arena_array(arena, ranks, e->n, sizeof *e->told);
    e->at = lm_arena_array(arena, ranks, 1, sizeof *e->at);
    e->zeros = lm_arena_floats(arena, columns);
    for (int i = 0; i < LM_EXCHANGE_LINES_SLOTS; i++) {
        lm_exchange_lines_slot *s = &e->slot[i];
        s->where = lm_arena_array(arena, ranks, 1, sizeof *s->where);
        s->counts = lm_arena_array(arena, ranks, 1, sizeof *s->counts);
        s->ranks = lm_arena_array(arena, ranks, 1, sizeof *s->ranks);
        for (int r = 0; r < ranks; r++) {
            const int64_t rows = lm_lanes_subtrees(e->lanes, ranks, r) * e->block;
            int32_t *where = lm_arena_array(arena, e->block, 1, sizeof *where);
            float *lines = lm_arena_array(arena, rows, columns, sizeof *lines);
            float *leaving =
                r == rank ? lm_arena_array(arena, rows, columns, sizeof *leaving) : NULL;
            if (arena->measuring) continue;
            s->where[r] = where;
            s->ranks[r] = lines;
            if (leaving) s->leaving = leaving;
        }
    }
}

uint64_t lm_exchange_lines_bytes(int64_t lanes, int ranks, int rank,
                                 const lm_exchange_table *tables, int64_t n) {
    lm_exchange_lines e = {.lanes = lanes, .n = n};
    lm_arena measure = lm_arena_measuring();
    if (ranks == 1 || n == 0) return 0;
    memcpy(e.tables, tables, (size_t)n * sizeof *tables);
    take_pieces(&e, ranks, rank, &measure);
    return measure.used;
}

lm_status lm_exchange_lines_create(lm_exchange_lines *e, const lm_exchange *x, int64_t lanes,
                                   const lm_exchange_table *tables, int64_t n, lm_error *err) {
    const int ranks = lm_comm_size(x->comm), rank = lm_comm_rank(x->comm);
    *e = (lm_exchange_lines){0};
    LM_ASSERT(n <= LM_EXCHANGE_TABLES_MOST);
    if (!x->comm || n == 0) return LM_OK;
    *e = (lm_exchange_lines){.x = x, .lanes = lanes, .n = n};
    memcpy(e->tables, tables, (size_t)n * sizeof *tables);
    lm_arena measure = lm_arena_measuring();
    take_pieces(e, ranks, rank, &measure);
    lm_status status = lm_arena_init(&e->arena, measure.used, "gradients of other ranks", err);
    if (status != LM_OK) return status;
    take_pieces(e, ranks, rank, &e->arena);
    for (int i = 0; i < LM_EXCHANGE_LINES_SLOTS; i++) {
        e->slot[i].way = lm_comm_batch_create(x->comm, LM_COMM_MAIN);
        if (!e->slot[i].way) return lm_error_no_memory(err, NULL);
    }
    return LM_OK;
}

void lm_exchange_lines_free(lm_exchange_lines *e) {
    for (int i = 0; i < LM_EXCHANGE_LINES_SLOTS; i++) lm_comm_batch_free(e->slot[i].way);
    lm_arena_free(&e->arena);
    *e = (lm_exchange_lines){0};
}

/* ---- who reaches what -------------------------------------------------------------------------*/

lm_status lm_exchange_lines_tell(lm_exchange_lines *e, const lm_lines *own, lm_error *err) {
    const int ranks = lm_comm_size(e->x->comm), rank = lm_comm_rank(e->x->comm);
    for (int64_t k = 0; k < e->n; k++) {
        LM_ASSERT(own[k].at && own[k].count <= e->tables[k].most);
        e->counts[rank * e->n + k] = own[k].count;
    }
    lm_status status =
        lm_comm_all_equal(e->x->comm, e->counts, (size_t)e->n * sizeof *e->counts, err);
    if (status != LM_OK) return status;
    for (int r = 0; r < ranks; r++) {
        int32_t *list = e->lists + e->bytes[r] / sizeof *list, *begin = list;
        for (int64_t k = 0; k < e->n; k++) {
            const int64_t count = e->counts[r * e->n + k];
            LM_ASSERT(count >= 0 && count <= e->tables[k].most);
            if (r == rank) memcpy(list, own[k].at, (size_t)count * sizeof *list);
            e->told[r * e->n + k] = (lm_lines){list, count};
            list += count;
        }
        e->bytes[r + 1] = e->bytes[r] + (size_t)(list - begin) * sizeof *list;
    }
    return lm_comm_all(e->x->comm, e->lists, e->bytes, err);
}

/* ---- the sum ----------------------------------------------------------------------------------*/

typedef struct job {
    lm_exchange_lines *e;
    const lm_compute *compute;
    const lm_exchange_table *table;
    int64_t number; /* of the table */
    lm_lines reached;
    const lm_lanes_tree *trees;
    float *sum;
    int64_t chunk; /* lines of a task */
    const lm_exchange_lines_slot *slot;
} job;

/* Line i of the block in subtree `tree` of the rank; NULL: it has none. */
static float *line_at(const job *j, int rank, int64_t tree, int64_t i) {
    const lm_exchange_lines_slot *s = j->slot;
    const int32_t where = s->where[rank][i];
    if (where < 0) return NULL;
    return s->ranks[rank] + (tree * s->counts[rank] + where) * j->table->columns;
}

/* Copies some of this rank's lines: to be sent, and to be added. */
static void pack_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_exchange *x = j->e->x;
    const lm_exchange_lines_slot *s = j->slot;
    const int rank = lm_comm_rank(x->comm);
    const int64_t end = lm_min((task + 1) * j->chunk, s->count), c = j->table->columns;
    (void)worker;
    for (int64_t i = task * j->chunk; i < end; i++) {
        for (int64_t t = 0; s->where[rank][i] >= 0 && t < x->n_own; t++) {
            const float *from =
                j->trees[t].sum + j->table->offset + lm_lines_at(&j->reached, s->first + i) * c;
            float *to = line_at(j, rank, t, i);
            memcpy(to, from, (size_t)c * sizeof *to);
            memcpy(s->leaving + (to - s->ranks[rank]), from, (size_t)c * sizeof *to);
        }
    }
}

/* Which lines of which rank are in the block. */
static void find_lines(job *j, lm_exchange_lines_slot *s) {
    lm_exchange_lines *e = j->e;
    for (int r = 0; r < lm_comm_size(e->x->comm); r++) {
        const lm_lines list = e->told[r * e->n + j->number];
        const int64_t before = e->at[r];
        for (int64_t i = 0; i < s->count; i++) {
            const bool has = e->at[r] < list.count &&
                             lm_lines_at(&list, e->at[r]) == lm_lines_at(&j->reached, s->first + i);
            s->where[r][i] = has ? (int32_t)(e->at[r]++ - before) : -1;
        }
        s->counts[r] = e->at[r] - before;
    }
}

/* Begins to send and receive the block of this number. */
static void post(job *j, int64_t number) {
    lm_exchange_lines *e = j->e;
    lm_comm *comm = e->x->comm;
    const int ranks = lm_comm_size(comm), rank = lm_comm_rank(comm);
    lm_exchange_lines_slot *s = &e->slot[number % LM_EXCHANGE_LINES_SLOTS];
    s->first = number * e->block;
    s->count = lm_min(e->block, j->reached.count - s->first);
    find_lines(j, s);
    j->slot = s;
    lm_pool_run(j->compute->pool, lm_divide_up(s->count, j->chunk), pack_task, j);
    for (int i = 1; i < ranks; i++) {
        const int from = (rank + ranks - i) % ranks, to = (rank + i) % ranks;
        const int64_t arrive = lm_lanes_subtrees(e->lanes, ranks, from) * s->counts[from];
        const int64_t leave = e->x->n_own * s->counts[rank];
        const size_t line = (size_t)j->table->columns * sizeof(float);
        lm_comm_receive(s->way, from, s->ranks[from], (size_t)arrive * line);
        lm_comm_send(s->way, to, s->leaving, (size_t)leave * line);
    }
}

typedef struct entry {
    int64_t first, lanes;
    float *line; /* NULL: zeros */
} entry;

/* left + right, which both are 0 where they have no line. */
static float *add(const job *j, float *left, float *right) {
    if (!left && !right) return NULL;
    j->compute->kernels->add_f32(j->table->columns, left && right ? right : j->e->zeros,
                                 left ? left : right);
    return left ? left : right;
}

/* As exchange_sum.c folds blocks of slices. */
static float *fold_line(const job *j, int64_t i) {
    const lm_exchange *x = j->e->x;
    entry stack[LM_LANES_TREES_MOST + 1];
    int top = 0;
    int64_t of_rank = 0;
    for (int t = 0; t < x->n_trees; t++) {
        const lm_exchange_tree *tree = &x->trees[t];
        of_rank = t > 0 && x->trees[t - 1].rank == tree->rank ? of_rank + 1 : 0;
        stack[top++] = (entry){tree->first, tree->lanes, line_at(j, tree->rank, of_rank, i)};
        for (; top > 1 && stack[top - 2].lanes == stack[top - 1].lanes &&
               stack[top - 2].first % (2 * stack[top - 2].lanes) == 0;
             top--) {
            stack[top - 2].line = add(j, stack[top - 2].line, stack[top - 1].line);
            stack[top - 2].lanes *= 2;
        }
    }
    LM_ASSERT(top == 1 && stack[0].line); /* some rank reaches it */
    return stack[0].line;
}

static void fold_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_exchange_lines_slot *s = j->slot;
    const int64_t end = lm_min((task + 1) * j->chunk, s->count), c = j->table->columns;
    (void)worker;
    for (int64_t i = task * j->chunk; i < end; i++)
        memcpy(j->sum + j->table->offset + lm_lines_at(&j->reached, s->first + i) * c,
               fold_line(j, i), (size_t)c * sizeof(float));
}

lm_status lm_exchange_lines_sum(lm_exchange_lines *e, const lm_compute *compute, int64_t table,
                                lm_lines reached, const lm_lanes_tree *trees, float *sum,
                                lm_error *err) {
    const int64_t blocks = lm_divide_up(reached.count, e->block);
    lm_status status = LM_OK;
    job j = {.e = e,
             .compute = compute,
             .table = &e->tables[table],
             .number = table,
             .reached = reached,
             .trees = trees,
             .sum = sum};
    LM_ASSERT(reached.at);
    j.chunk = lm_max(PIECE / j.table->columns, 1);
    memset(e->at, 0, (size_t)lm_comm_size(e->x->comm) * sizeof *e->at);
    if (blocks > 0) post(&j, 0);
    for (int64_t b = 0; b < blocks && status == LM_OK; b++) {
        if (b + 1 < blocks) post(&j, b + 1);
        j.slot = &e->slot[b % LM_EXCHANGE_LINES_SLOTS];
        status = lm_comm_wait(j.slot->way, err);
        if (status != LM_OK) break;
        lm_pool_run(compute->pool, lm_divide_up(j.slot->count, j.chunk), fold_task, &j);
    }
    return status;
}
