// What --debug-mode prints, in the reference's words and order.
#pragma once

#include <functional>
#include <string_view>

#include "data/reader.h"
#include "model/dlrm.h"

namespace hotrow {

using PrintLine = std::function<void(std::string_view)>;

// "model arch:" and what follows it.
void print_architecture(const DlrmConfig& config, const PrintLine& print);
// Every batch of one pass, at most `num_batches` if that is > 0.
void print_data(Reader& reader, int64_t num_batches, const PrintLine& print);
// "<title> parameters (weights and bias):", then all of them.
void print_parameters(std::string_view title, Dlrm& model, int precision, const PrintLine& print);

}  // namespace hotrow
