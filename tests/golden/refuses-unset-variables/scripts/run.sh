#!/bin/sh
cd "${HOME}"
