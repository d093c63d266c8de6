echo "${HOME}" ${{ github.ref }}
