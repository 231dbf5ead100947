// What stands between a model's products, each in one pass over memory: numbers are read and written in their own type
// (fp32 or bf16) and computed in fp32. Sums over rows are taken in pieces of a fixed size, in order: the same bits
// whatever the number of threads.

#include "simd.hpp"

#include <algorithm>
#include <vector>

namespace {

constexpr long PIECE = 64;  // rows that are summed by one thread

INLINE vf sigmoid(vf x) { return 1.0f / (1.0f + exp_of(-x)); }

// y = x / √(mean(x²) + ε) · w; `shrink` keeps 1/√(…) of each row.
template <class T>
void norm_forward(const T *x, const T *w, T *y, float *shrink, long rows, long size, float epsilon, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long r = 0; r < rows; r++) {
        const T *from = x + r * size;
        T *to = y + r * size;
        vf squares = splat(0);
        for (long j = 0; j < size; j += W) {
            vf one = load(from + j);
            squares += one * one;
        }
        const float s = 1.0f / std::sqrt(sum(squares) / (float)size + epsilon);
        shrink[r] = s;
        for (long j = 0; j < size; j += W) store(to + j, load(from + j) * s * load(w + j));
    }
}

// With n = x · s the normed row and g = dy · w: dx = s · (g − n · mean(g · n));  dw = Σ_rows dy · n.
template <class T>
void norm_backward(const T *dy, const T *x, const T *w, const float *shrink, T *dx, T *dw, long rows, long size,
                   int threads) {
    const long pieces = (rows + PIECE - 1) / PIECE;
    std::vector<float> parts((size_t)(pieces * size));
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long p = 0; p < pieces; p++) {
        float *part = parts.data() + p * size;
        for (long r = p * PIECE; r < std::min(rows, (p + 1) * PIECE); r++) {
            const T *slope = dy + r * size, *from = x + r * size;
            T *to = dx + r * size;
            const float s = shrink[r];
            vf along = splat(0);
            for (long j = 0; j < size; j += W) {
                vf g = load(slope + j), n = load(from + j) * s;
                along += g * load(w + j) * n;
                store(part + j, load(part + j) + g * n);
            }
            const float mean = sum(along) / (float)size;
            for (long j = 0; j < size; j += W)
                store(to + j, s * (load(slope + j) * load(w + j) - load(from + j) * s * mean));
        }
    }
    for (long j = 0; j < size; j += W) {
        vf total = splat(0);
        for (long p = 0; p < pieces; p++) total += load(parts.data() + p * size + j);
        store(dw + j, total);
    }
}

// Coordinate i of a head is turned with coordinate i + size/2, by the angle of the token; `turn` −1 turns back.
template <class T>
void rotate(const T *x, long token, long head, const T *cosines, const T *sines, long angles, T *y, long tokens,
            long heads, long size, float turn, int threads) {
    const long half = size / 2;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long n = 0; n < tokens; n++) {
        const T *c = cosines + n % angles * size, *s = sines + n % angles * size;
        for (long h = 0; h < heads; h++) {
            const T *from = x + n * token + h * head;
            T *to = y + (n * heads + h) * size;
            for (long j = 0; j < half; j += W) {
                vf a = load(from + j), b = load(from + half + j), cosine = load(c + j), sine = load(s + j) * turn;
                store(to + j, a * cosine - b * sine);
                store(to + half + j, b * cosine + a * sine);
            }
        }
    }
}

// y = silu(gate) · up
template <class T>
void gated_forward(const T *gate, const T *up, T *y, long count, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long i = 0; i < count / W; i++) {
        vf g = load(gate + i * W);
        store(y + i * W, g * sigmoid(g) * load(up + i * W));
    }
}

template <class T>
void gated_backward(const T *dy, const T *gate, const T *up, T *d_gate, T *d_up, long count, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long i = 0; i < count / W; i++) {
        vf g = load(gate + i * W), slope = load(dy + i * W), open = sigmoid(g);
        store(d_up + i * W, slope * g * open);
        store(d_gate + i * W, slope * load(up + i * W) * open * (1.0f + g * (1.0f - open)));
    }
}

// −log softmax(logits)[target] of each row, 0 where the target is negative; and its gradient, softmax − onehot.
// Returns 1, and touches nothing, where a target is no entry of the row.
template <class T>
int surprise(const T *logits, const int64_t *targets, float *loss, T *gradient, long rows, long size, int threads) {
    for (long r = 0; r < rows; r++)
        if (targets[r] >= size) return 1;
    const long whole = size / W * W;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long r = 0; r < rows; r++) {
        const T *from = logits + r * size;
        T *to = gradient + r * size;
        if (targets[r] < 0) {
            loss[r] = 0;
            memset((void *)to, 0, sizeof(T) * size);
            continue;
        }
        vf most = splat(-INFINITY);
        for (long j = 0; j < whole; j += W) most = larger(most, load(from + j));
        float m = -INFINITY;
        for (int i = 0; i < W; i++) m = std::max(m, most[i]);
        for (long j = whole; j < size; j++) m = std::max(m, one(from + j));
        vf sums = splat(0);
        for (long j = 0; j < whole; j += W) sums += exp_of(load(from + j) - m);
        float total = sum(sums);
        for (long j = whole; j < size; j++) total += std::exp(one(from + j) - m);
        loss[r] = std::log(total) + m - one(from + targets[r]);
        const float share = 1.0f / total, picked = one(from + targets[r]);
        for (long j = 0; j < whole; j += W) store(to + j, exp_of(load(from + j) - m) * share);
        for (long j = whole; j < size; j++) put(to + j, std::exp(one(from + j) - m) * share);
        put(to + targets[r], std::exp(picked - m) * share - 1.0f);
    }
    return 0;
}

}  // namespace

// Each comes for fp32 and for bf16.
#define FOR_BOTH(DEFINE) DEFINE(fp32, float) DEFINE(bf16, bf16)

#define DEFINE(NAME, T)                                                                                                \
    void norm_forward_##NAME(const T *x, const T *w, T *y, float *shrink, int64_t rows, int64_t size, float epsilon,   \
                             int threads) {                                                                            \
        norm_forward(x, w, y, shrink, rows, size, epsilon, threads);                                                   \
    }                                                                                                                  \
    void norm_backward_##NAME(const T *dy, const T *x, const T *w, const float *shrink, T *dx, T *dw, int64_t rows,    \
                              int64_t size, int threads) {                                                             \
        norm_backward(dy, x, w, shrink, dx, dw, rows, size, threads);                                                  \
    }                                                                                                                  \
    void rotate_##NAME(const T *x, int64_t token, int64_t head, const T *cosines, const T *sines, int64_t angles,      \
                       T *y, int64_t tokens, int64_t heads, int64_t size, float turn, int threads) {                   \
        rotate(x, token, head, cosines, sines, angles, y, tokens, heads, size, turn, threads);                         \
    }                                                                                                                  \
    void gated_forward_##NAME(const T *gate, const T *up, T *y, int64_t count, int threads) {                          \
        gated_forward(gate, up, y, count, threads);                                                                    \
    }                                                                                                                  \
    void gated_backward_##NAME(const T *dy, const T *gate, const T *up, T *d_gate, T *d_up, int64_t count,             \
                               int threads) {                                                                          \
        gated_backward(dy, gate, up, d_gate, d_up, count, threads);                                                    \
    }                                                                                                                  \
    int surprise_##NAME(const T *logits, const int64_t *targets, float *loss, T *gradient, int64_t rows,               \
                        int64_t size, int threads) {                                                                   \
        return surprise(logits, targets, loss, gradient, rows, size, threads);                                         \
    }

extern "C" {
FOR_BOTH(DEFINE)
}
