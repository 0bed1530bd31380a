#include "tests/support/test.h"

#include "tests/support/shards.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/tempdir.h"

static char *made[256];
static int n_made;

const char *shards_in(const char *name) {
    assert_true(n_made < (int)(sizeof made / sizeof *made));
    return made[n_made++] = lm_file_join(tempdir, name);
}

lm_status shards_open(lm_shard_writer *w, const char *path, const char *tokenizer,
                      int64_t vocab_size, lm_error *err) {
    lm_manifest_tokenizer t = {.document_token = -1, .vocab_size = vocab_size};
    strcpy(t.name, tokenizer);
    return lm_shard_writer_open(w, path, &t, err);
}

void shards_put(const char *path, int64_t n, int32_t first, int64_t vocab_size) {
    lm_error err = {0};
    lm_shard_writer w;
    assert_int_equal(shards_open(&w, path, "bytes", vocab_size, &err), LM_OK);
    for (int64_t i = 0; i < n; i++) {
        int32_t id = (int32_t)((first + i) % vocab_size);
        assert_int_equal(lm_shard_writer_put(&w, &id, 1, &err), LM_OK);
    }
    assert_int_equal(lm_shard_writer_commit(&w, &err), LM_OK);
}

int shards_close(void **state) {
    while (n_made > 0) free(made[--n_made]);
    return tempdir_close(state);
}
