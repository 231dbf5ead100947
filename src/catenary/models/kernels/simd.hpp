// Vectors of floats, bf16 in and out, and one small matrix product; all kernels are written in these.
//
// A "word" is what one lane multiplies at once: a pair of bf16 where the processor has VDPBF16PS, one float elsewhere.
// Where it has AMX, whole tiles of 16 × 16 words are multiplied at once.

#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__AMX_BF16__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#define HAS_TILES 1
#endif

#if defined(__AVX512F__) && defined(__AVX512BW__)
constexpr int W = 16;  // lanes of a vector
constexpr int TILE_COLUMNS = 4;
#elif defined(__AVX2__)
constexpr int W = 8;
constexpr int TILE_COLUMNS = 2;  // 16 registers hold no more
#else
constexpr int W = 4;
constexpr int TILE_COLUMNS = 2;
#endif
constexpr int TILE_ROWS = 4;

typedef float vf __attribute__((vector_size(4 * W), may_alias));
typedef int32_t vi __attribute__((vector_size(4 * W), may_alias));
typedef uint32_t vu __attribute__((vector_size(4 * W), may_alias));
typedef uint16_t vh __attribute__((vector_size(2 * W), may_alias));

struct bf16 {
    uint16_t bits;
};

#define INLINE static inline __attribute__((always_inline))

INLINE vf splat(float x) { return vf{} + x; }
INLINE vf load(const float *p) {
    vf x;
    memcpy(&x, p, sizeof x);
    return x;
}
INLINE void store(float *p, vf x) { memcpy(p, &x, sizeof x); }
INLINE vf choose(vi mask, vf yes, vf no) { return (vf)((mask & (vi)yes) | (~mask & (vi)no)); }
INLINE vf larger(vf a, vf b) { return choose(a > b, a, b); }

INLINE vf load(const bf16 *p) {
    vh x;
    memcpy(&x, p, sizeof x);
    return (vf)(__builtin_convertvector(x, vu) << 16);
}

INLINE vh rounded(vf x) {  // to the nearest bf16, ties to even
#if defined(__AVX512BF16__)
    return (vh)_mm512_cvtneps_pbh((__m512)x);
#else
    vu bits = (vu)x;
    vu up = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return __builtin_convertvector((vu)choose(x == x, (vf)up, (vf)(vu{} + 0x7fc0)), vh);
#endif
}
INLINE void store(bf16 *p, vf x) {
    vh h = rounded(x);
    memcpy(p, &h, sizeof h);
}

INLINE float one(const float *p) { return *p; }
INLINE float one(const bf16 *p) {
    uint32_t bits = (uint32_t)p->bits << 16;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}
INLINE void put(float *p, float x) { *p = x; }
INLINE void put(bf16 *p, float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    p->bits = x == x ? (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) : 0x7fc0;
}

INLINE float sum(vf x) {  // always in the same order
    float s = 0;
    for (int i = 0; i < W; i++) s += x[i];
    return s;
}

// 2^x to about 2e-7 of it, 0 below 2^-126. Cephes' polynomial on [-1/2, 1/2].
INLINE vf exp2_of(vf x) {
    const vf magic = splat(12582912.0f);  // 1.5 · 2^23: adding it rounds to a whole number and leaves it in the low bits
    vi kept = x > splat(-126.0f);
    x = choose(kept, x, splat(0.0f));
    x = choose(x < splat(127.0f), x, splat(127.0f));
    vf shifted = x + magic;
    vf f = x - (shifted - magic);
    vf p = splat(1.535336188319500e-4f);
    p = p * f + 1.339887440266574e-3f;
    p = p * f + 9.618437357674640e-3f;
    p = p * f + 5.550332471162809e-2f;
    p = p * f + 2.402264791363012e-1f;
    p = p * f + 6.931472028550421e-1f;
    p = p * f + 1.0f;
    vi exponent = ((vi)shifted - 0x4b400000) << 23;
    vf y = (vf)((vi)p + exponent);
    return (vf)(kept & (vi)y);
}
constexpr float LOG2E = 1.4426950408889634f, LN2 = 0.6931471805599453f;
INLINE vf exp_of(vf x) { return exp2_of(x * LOG2E); }

// Words -------------------------------------------------------------------------------------------------------------

template <class Word>
struct Words;

template <>
struct Words<float> {
    static constexpr int PER = 1;  // numbers in a word
    typedef float Element;
    INLINE vf multiply_add(vf c, const float *a, const float *b) { return c + *a * load(b); }
};

#if defined(__AVX512BF16__)
template <>
struct Words<uint32_t> {
    static constexpr int PER = 2;
    typedef bf16 Element;
    INLINE vf multiply_add(vf c, const uint32_t *a, const uint32_t *b) {
        return (vf)_mm512_dpbf16_ps((__m512)c, (__m512bh)_mm512_set1_epi32((int)*a), (__m512bh)_mm512_loadu_si512(b));
    }
};
#endif

// A square of words, its rows as columns.
INLINE void transpose(vu square[W]) {
#if defined(__AVX512F__)
    if constexpr (W == 16) {
        __m512i a[16], b[16];
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) a[i] = (__m512i)square[i];
#pragma GCC unroll 8
        for (int i = 0; i < 16; i += 2) {
            b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
            b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
        }
#pragma GCC unroll 4
        for (int i = 0; i < 16; i += 4)
#pragma GCC unroll 2
            for (int k = 0; k < 2; k++) {
                a[i + 2 * k] = _mm512_unpacklo_epi64(b[i + k], b[i + k + 2]);
                a[i + 2 * k + 1] = _mm512_unpackhi_epi64(b[i + k], b[i + k + 2]);
            }
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) {  // a[4i + k]: column k of each quarter, of rows 4i …
            __m512i even = _mm512_shuffle_i32x4(a[k], a[4 + k], 0x88), odd = _mm512_shuffle_i32x4(a[k], a[4 + k], 0xdd);
            __m512i even2 = _mm512_shuffle_i32x4(a[8 + k], a[12 + k], 0x88),
                    odd2 = _mm512_shuffle_i32x4(a[8 + k], a[12 + k], 0xdd);
            square[k] = (vu)_mm512_shuffle_i32x4(even, even2, 0x88);
            square[4 + k] = (vu)_mm512_shuffle_i32x4(odd, odd2, 0x88);
            square[8 + k] = (vu)_mm512_shuffle_i32x4(even, even2, 0xdd);
            square[12 + k] = (vu)_mm512_shuffle_i32x4(odd, odd2, 0xdd);
        }
        return;
    }
#endif
    uint32_t flat[W][W];
    memcpy(flat, square, sizeof flat);
    for (int i = 0; i < W; i++)
        for (int k = 0; k < W; k++) square[k][i] = flat[i][k];
}

// C[r][j] = factor[j] · C[r][j] + Σ_p A[r][p] · B[p][j]; rows of A, B and C are so many words or floats apart.
template <class Word, int R, int C>
INLINE void tile(const Word *a, long a_row, const Word *b, long b_row, long steps, float *c, long c_row,
                 const float *factor, bool fresh) {
    vf sums[R][C];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int j = 0; j < C; j++) {
            if (fresh)
                sums[r][j] = splat(0);
            else
                sums[r][j] = factor ? load(c + r * c_row + j * W) * load(factor + j * W) : load(c + r * c_row + j * W);
        }
    for (long p = 0; p < steps; p++) {
#pragma GCC unroll 8
        for (int r = 0; r < R; r++)
#pragma GCC unroll 8
            for (int j = 0; j < C; j++)
                sums[r][j] = Words<Word>::multiply_add(sums[r][j], a + r * a_row + p, b + p * b_row + j * W);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int j = 0; j < C; j++) store(c + r * c_row + j * W, sums[r][j]);
}

template <class Word, int C>
INLINE void panel(const Word *a, long a_row, const Word *b, long b_row, long steps, float *c, long c_row, long rows,
                  const float *factor, bool fresh) {
    long r = 0;
    for (; r + TILE_ROWS <= rows; r += TILE_ROWS)
        tile<Word, TILE_ROWS, C>(a + r * a_row, a_row, b, b_row, steps, c + r * c_row, c_row, factor, fresh);
    for (; r < rows; r++)
        tile<Word, 1, C>(a + r * a_row, a_row, b, b_row, steps, c + r * c_row, c_row, factor, fresh);
}

// The same over any number of rows and a multiple of W columns.
template <class Word>
static void multiply(const Word *a, long a_row, const Word *b, long b_row, long steps, float *c, long c_row, long rows,
                     long columns, const float *factor, bool fresh) {
    long j = 0;
    for (; j + TILE_COLUMNS * W <= columns; j += TILE_COLUMNS * W)
        panel<Word, TILE_COLUMNS>(a, a_row, b + j, b_row, steps, c + j, c_row, rows, factor ? factor + j : nullptr,
                                  fresh);
    if (TILE_COLUMNS > 2 && j + 2 * W <= columns) {
        panel<Word, 2>(a, a_row, b + j, b_row, steps, c + j, c_row, rows, factor ? factor + j : nullptr, fresh);
        j += 2 * W;
    }
    for (; j < columns; j += W)
        panel<Word, 1>(a, a_row, b + j, b_row, steps, c + j, c_row, rows, factor ? factor + j : nullptr, fresh);
}

// Tiles -------------------------------------------------------------------------------------------------------------

constexpr long TILE = 16;  // rows of a tile, and words of a row

#if defined(HAS_TILES)

// Linux gives a process the tiles' registers when it asks (Documentation/arch/x86/xstate.rst).
static bool tiles_allowed() {
    static const bool allowed = syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* tile data */) == 0;
    return allowed;
}

// Within its life this thread's tiles are 16 rows of 64 bytes.
struct Tiles {
    bool used;
    explicit Tiles(bool wanted) : used(wanted) {
        if (!used) return;
        alignas(64) uint8_t shape[64] = {1};
        for (int t = 0; t < 8; t++) shape[16 + 2 * t] = 64, shape[48 + t] = 16;
        _tile_loadconfig(shape);
    }
    ~Tiles() {
        if (used) _tile_release();
    }
};

// One or two tiles high and wide. Rows and columns come in whole tiles, steps too: what is beside is zero.
template <bool TWO_ROWS, bool TWO_COLUMNS>
INLINE void tile_block(const uint32_t *a, long a_row, const uint32_t *b, long b_row, long steps, float *c, long c_row,
                       bool fresh) {
    float *below = c + TILE * c_row;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    if (!fresh) {
        _tile_loadd(0, c, c_row * 4);
        if (TWO_COLUMNS) _tile_loadd(1, c + TILE, c_row * 4);
        if (TWO_ROWS) _tile_loadd(2, below, c_row * 4);
        if (TWO_ROWS && TWO_COLUMNS) _tile_loadd(3, below + TILE, c_row * 4);
    }
    for (long p = 0; p < steps; p += TILE) {
        _tile_loadd(4, a + p, a_row * 4);
        _tile_loadd(6, b + p * b_row, b_row * 4);
        _tile_dpbf16ps(0, 4, 6);
        if (TWO_COLUMNS) {
            _tile_loadd(7, b + p * b_row + TILE, b_row * 4);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (TWO_ROWS) {
            _tile_loadd(5, a + TILE * a_row + p, a_row * 4);
            _tile_dpbf16ps(2, 5, 6);
            if (TWO_COLUMNS) _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, c, c_row * 4);
    if (TWO_COLUMNS) _tile_stored(1, c + TILE, c_row * 4);
    if (TWO_ROWS) _tile_stored(2, below, c_row * 4);
    if (TWO_ROWS && TWO_COLUMNS) _tile_stored(3, below + TILE, c_row * 4);
}

// `multiply` in tiles. A's and C's rows and the steps are rounded up to whole tiles: there is room, zeros in A or B.
static void multiply_tiles(const uint32_t *a, long a_row, const uint32_t *b, long b_row, long steps, float *c,
                           long c_row, long rows, long columns, const float *factor, bool fresh) {
    if (factor && !fresh)
        for (long r = 0; r < rows; r++)
            for (long j = 0; j < columns; j += W) store(c + r * c_row + j, load(c + r * c_row + j) * load(factor + j));
    for (long r = 0; r < rows; r += 2 * TILE)
        for (long j = 0; j < columns; j += 2 * TILE) {
            const uint32_t *top = a + r * a_row, *left = b + j;
            float *to = c + r * c_row + j;
            const bool two_rows = r + TILE < rows, two_columns = j + TILE < columns;
            if (two_rows && two_columns)
                tile_block<true, true>(top, a_row, left, b_row, steps, to, c_row, fresh);
            else if (two_rows)
                tile_block<true, false>(top, a_row, left, b_row, steps, to, c_row, fresh);
            else if (two_columns)
                tile_block<false, true>(top, a_row, left, b_row, steps, to, c_row, fresh);
            else
                tile_block<false, false>(top, a_row, left, b_row, steps, to, c_row, fresh);
        }
}

#else

static bool tiles_allowed() { return false; }

struct Tiles {
    explicit Tiles(bool) {}
};

#endif

// In tiles or in vectors, as the processor and the sizes have it.
template <class Word>
INLINE void multiply(bool tiles, const Word *a, long a_row, const Word *b, long b_row, long steps, float *c, long c_row,
                     long rows, long columns, const float *factor, bool fresh) {
#if defined(HAS_TILES)
    if constexpr (Words<Word>::PER == 2)
        if (tiles) return multiply_tiles(a, a_row, b, b_row, steps, c, c_row, rows, columns, factor, fresh);
#endif
    multiply<Word>(a, a_row, b, b_row, steps, c, c_row, rows, columns, factor, fresh);
}

// Room that a thread keeps from call to call.
struct Scratch {
    char *bytes = nullptr;
    size_t size = 0, used = 0;
    void reserve(size_t wanted) {
        used = 0;
        if (wanted <= size) return;
        free(bytes);
        size = (wanted + 4095) / 4096 * 4096;
        bytes = (char *)aligned_alloc(4096, size);
        if (!bytes) abort();
    }
    template <class T>
    T *take(size_t count) {
        T *at = (T *)(bytes + used);
        used += (count * sizeof(T) + 63) / 64 * 64;
        return at;
    }
    ~Scratch() { free(bytes); }
};
