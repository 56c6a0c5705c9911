// LATHE_API marks what liblathe exports; everything else is hidden.
#pragma once

#if defined(_WIN32)
#ifdef LATHE_BUILDING_LIBRARY
#define LATHE_API __declspec(dllexport)
#else
#define LATHE_API __declspec(dllimport)
#endif
#else
#define LATHE_API __attribute__((visibility("default")))
#endif
