#include "nn/embedding.h"

#include <string.h>

#include "base/error.h"

/* Elements a task copies or adds: about 5 us, several times what waking a worker costs. */
enum { CHUNK_ELEMENTS = 16384 };
/* Columns a backward task owns at least: 4 cache lines of each row. */
enum { MIN_COLUMNS = 64 };

typedef struct job {
    const lm_kernels *kernels;
    int64_t batch, time, channels;
    const int32_t *tokens; /* row b at tokens + b*tokens_row */
    int64_t tokens_row;
    int64_t chunk; /* token rows (forward) or columns (backward) a task */
    const float *w, *positions;
    int64_t first_position;
    const int32_t *documents; /* [B*T] or NULL */
    float *y;                 /* [B*T, C] */
    const float *dy;          /* [B*T, C] */
    float *dw, *dpositions;
} job;

static int64_t token_at(const job *j, int64_t b, int64_t t) {
    int32_t token = j->tokens[b * j->tokens_row + t];
    LM_ASSERT(token >= 0);
    return token;
}

/* Counted from the beginning of the token's document. */
static int64_t position_at(const job *j, int64_t b, int64_t t) {
    return j->first_position + t - (j->documents ? j->documents[b * j->time + t] : 0);
}

static void forward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    int64_t rows = j->batch * j->time, c = j->channels;
    int64_t begin = task * j->chunk;
    int64_t end = rows - begin < j->chunk ? rows : begin + j->chunk;
    (void)worker;
    for (int64_t row = begin; row < end; row++) {
        int64_t b = row / j->time, t = row % j->time;
        float *y = j->y + row * c;
        memcpy(y, j->w + token_at(j, b, t) * c, (size_t)c * sizeof *y);
        if (j->positions) j->kernels->add_f32(c, j->positions + position_at(j, b, t) * c, y);
    }
}

void lm_embedding_forward(const lm_compute *compute, int64_t batch, int64_t time, int64_t channels,
                          const int32_t *tokens, int64_t tokens_row, const float *w,
                          const float *positions, int64_t first_position, const int32_t *documents,
                          float *y) {
    int64_t chunk = CHUNK_ELEMENTS / channels > 1 ? CHUNK_ELEMENTS / channels : 1;
    job j = {.kernels = compute->kernels,
             .batch = batch,
             .time = time,
             .channels = channels,
             .tokens = tokens,
             .tokens_row = tokens_row,
             .chunk = chunk,
             .w = w,
             .positions = positions,
             .first_position = first_position,
             .documents = documents,
             .y = y};
    lm_pool_run(compute->pool, (batch * time + chunk - 1) / chunk, forward_task, &j);
}

/* Every task walks all tokens in rising order and owns some columns, so that a token met twice adds
 * up in one order whatever the number of tasks. */
static void backward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    int64_t c = j->channels, column = task * j->chunk;
    int64_t n = c - column < j->chunk ? c - column : j->chunk;
    (void)worker;
    for (int64_t b = 0; b < j->batch; b++) {
        for (int64_t t = 0; t < j->time; t++) {
            const float *dy = j->dy + (b * j->time + t) * c + column;
            j->kernels->add_f32(n, dy, j->dw + token_at(j, b, t) * c + column);
            if (j->dpositions)
                j->kernels->add_f32(n, dy, j->dpositions + position_at(j, b, t) * c + column);
        }
    }
}

void lm_embedding_backward(const lm_compute *compute, int64_t batch, int64_t time, int64_t channels,
                           const int32_t *tokens, int64_t tokens_row, const int32_t *documents,
                           const float *dy, float *dw, float *dpositions) {
    int64_t chunk = channels;
    while (chunk > MIN_COLUMNS && chunk * batch * time > CHUNK_ELEMENTS) chunk = (chunk + 1) / 2;
    chunk = (chunk + 15) / 16 * 16;
    job j = {.kernels = compute->kernels,
             .batch = batch,
             .time = time,
             .channels = channels,
             .tokens = tokens,
             .tokens_row = tokens_row,
             .chunk = chunk,
             .documents = documents,
             .dy = dy,
             .dw = dw,
             .dpositions = dpositions};
    lm_pool_run(compute->pool, (channels + chunk - 1) / chunk, backward_task, &j);
}
