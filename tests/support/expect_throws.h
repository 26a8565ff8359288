// EXPECT_THROWS(Error, "part of its text", statement): the right kind of error with the right
// words, in one sentence of one line.
#pragma once

#include <gtest/gtest.h>

#include <string>

#define EXPECT_THROWS(Error, words, ...)                                          \
  try {                                                                           \
    __VA_ARGS__;                                                                  \
    ADD_FAILURE() << "nothing was thrown, expected " #Error " with: " << (words); \
  } catch (const Error& error) {                                                  \
    const std::string text = error.what();                                        \
    EXPECT_NE(text.find(words), std::string::npos)                                \
        << "got: " << text << "\nexpected: " << (words);                          \
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;                        \
  }
