// What a schema loses on its way through a format.
#pragma once

#include <string>
#include <vector>

#include "data/schema.h"

namespace hotrow {

// A sentence for each kind of fact that differs between what is written and what the format will
// give when it is read: names, transforms, table sizes (one that is not known is not lost),
// hotness. The number of columns must be the same.
std::vector<std::string> schema_losses(const Schema& written, const Schema& read_back);

}  // namespace hotrow
