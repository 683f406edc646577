# Bytes per parked task, stacked by kind, one bar per backend.
# ARG3 bars, ARG4 largest total.
# bars.tsv: 1 y, 2 backend, 3-6 right ends of user, page tables, kernel stack, slab, 7 text
# parts.tsv: 1 x, 2 y, 3 text inside a segment that is wide enough
WIDTH = ARG1+0
HEIGHT = ARG2+0
load "common.gp"
set lmargin at screen 0.15
set rmargin at screen 0.80
set tmargin at screen 1.0 - 50.0 / HEIGHT
set bmargin at screen 62.0 / HEIGHT
set xrange [0:ARG4*1.02]
set yrange [ARG3+0.6:0.4]
set ytics scale 0
set border 1
set grid noytics
set xtics add
set format x "%.0f KiB"
set xlabel "bytes per parked task" textcolor rgb INK
set style fill solid 1.0 border rgb "#ffffff"
set key at screen 0.15, screen 1.0 - 25.0 / HEIGHT left top horizontal Left reverse samplen 1.5 width 2 maxrows 1
plot "bars.tsv" using (0):1:(0):3:($1-0.36):($1+0.36):ytic(2) with boxxyerror linecolor rgb "#56B4E9" dashtype 1 title "user", \
     "" using 3:1:3:4:($1-0.36):($1+0.36) with boxxyerror linecolor rgb "#F0E442" dashtype 1 title "page tables", \
     "" using 4:1:4:5:($1-0.36):($1+0.36) with boxxyerror linecolor rgb "#E69F00" dashtype 1 title "kernel stack", \
     "" using 5:1:5:6:($1-0.36):($1+0.36) with boxxyerror linecolor rgb "#AAAAAA" dashtype 1 title "slab", \
     "" using 6:1:7 with labels left offset char 1,0 textcolor rgb INK notitle, \
     "parts.tsv" using 1:2:3 with labels center textcolor rgb "#111111" font ",11" notitle
