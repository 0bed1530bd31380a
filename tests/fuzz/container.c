/* libFuzzer target for the reader of checkpoints: make fuzz. */
#include <stdint.h>
#include <string.h>

#include "tests/support/container.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lm_test_container_read(data, size);
    return 0;
}

/* Begins with a good file, and mostly hides the change from the digests. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    static lm_text good;
    if (!good.data) lm_test_container_make(&good);
    if ((size < 100 || seed % 64 == 0) && good.length <= most) {
        memcpy(data, good.data, good.length);
        size = good.length;
    }
    size = LLVMFuzzerMutate(data, size, most);
    if (seed % 4) lm_test_container_seal(data, size);
    return size;
}
