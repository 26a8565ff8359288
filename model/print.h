// Arrays as text, character for character as NumPy and PyTorch print them, for --debug-mode.
//
// All functions take row-major data with dims.size() >= 1 dimensions and return the text without a
// final newline. Above 1000 elements only the first and last three of each dimension are shown, as
// there. Throw InvalidArgument if data.size() is not the product of dims.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hotrow {

// print(array) of a float32 array under np.set_printoptions(precision=precision): shortest digits
// that name the float, at most `precision` after the point, columns padded to one width, lines of
// at most 75 characters, powers of ten where magnitudes demand it.
std::string numpy_array(std::span<const float> data, const std::vector<int64_t>& dims,
                        int precision);

// print(array) of a one-dimensional integer array: [512 256   1].
std::string numpy_array(std::span<const int64_t> data);

// print(list): [2, 2, 1].
std::string python_list(std::span<const int64_t> data);

// repr(tensor) of a float32 tensor under torch.set_printoptions(precision=precision): fixed
// decimals.
std::string torch_tensor(std::span<const float> data, const std::vector<int64_t>& dims,
                         int precision = 4);

// repr(tensor) of an int64 tensor, or of an int32 one, which names its dtype.
enum class TorchInt { kInt64, kInt32 };
std::string torch_tensor(std::span<const int64_t> data, const std::vector<int64_t>& dims,
                         TorchInt dtype = TorchInt::kInt64);

}  // namespace hotrow
