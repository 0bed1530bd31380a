/* Writing a checkpoint takes the memory that lm_checkpoint_write_bytes says, which is in every plan
 * of a run; reading and verifying take no more. malloc and its kind are this program's own and
 * count. */
#include "tests/support/test.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "tests/support/own_malloc.h"
#include "tests/support/tempdir.h"

static atomic_long held, most; /* bytes */

#if REPLACED
/* From several threads: `most` may only rise. */
static void *counted(void *p) {
    long size = (long)malloc_usable_size(p), now = atomic_fetch_add(&held, size) + size;
    long before = atomic_load(&most);
    while (before < now && !atomic_compare_exchange_weak(&most, &before, now)) {
    }
    return p;
}

void *malloc(size_t size) {
    return counted(__libc_malloc(size));
}
void *calloc(size_t n, size_t size) {
    return counted(__libc_calloc(n, size));
}
void *realloc(void *p, size_t size) {
    long before = (long)malloc_usable_size(p);
    void *moved = __libc_realloc(p, size);
    if (moved) atomic_fetch_sub(&held, before);
    return moved ? counted(moved) : NULL;
}
void free(void *p) {
    atomic_fetch_sub(&held, (long)malloc_usable_size(p));
    __libc_free(p);
}
#endif

static double begin(void) {
    long now = atomic_load(&held);
    atomic_store(&most, now);
    return (double)now;
}
static double taken(double before) {
    return (double)atomic_load(&most) - before;
}

static void test_memory(int threads) {
    lm_error err = {0};
    lm_pool *pool;
    lm_checkpoint *c;
    char *path = lm_file_join(tempdir, "a.npz");
    float *x = calloc(700000, sizeof *x);
    assert_true(path && x);
    for (int i = 0; i < 700000; i++) x[i] = (float)(i % 1001) * 0.01f;
    const lm_checkpoint_array array = {.name = "x", .ndim = 1, .shape = {700000}, .data = x};
    assert_int_equal(lm_pool_create(&pool, threads, &err), LM_OK);
    double said = (double)lm_checkpoint_write_bytes(threads), before = begin();
    assert_int_equal(lm_checkpoint_write(path, &array, 1, NULL, 0, "{\"a\": 1}", pool, NULL, &err),
                     LM_OK);
    double writing = taken(before);
    before = begin();
    assert_int_equal(lm_checkpoint_open(&c, path, &err), LM_OK);
    assert_int_equal(lm_checkpoint_read(c, &array, 1, pool, &err), LM_OK);
    assert_int_equal(lm_checkpoint_verify(c, pool, &err), LM_OK);
    double reading = taken(before);
    lm_checkpoint_close(c);
    lm_pool_free(pool);
    free(x);
    free(path);
    /* Pages of 4 KiB around blocks of 256: 1.6%; the small tables of zlib and of the ZIP file. */
    print_message("%d threads: said %.0f, writing %.0f, reading %.0f\n", threads, said, writing,
                  reading);
    assert_true(writing <= 1.03 * said && writing >= 0.97 * said);
    assert_true(reading > 0 && reading <= said);
}

static void test_memory_of_writing_and_reading(void **unused) {
    (void)unused;
    if (!REPLACED) skip();
    test_memory(1);
    test_memory(2);
    test_memory(5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_of_writing_and_reading),
    };
    return cmocka_run_group_tests(tests, tempdir_open, tempdir_close);
}
