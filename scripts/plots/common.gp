# Shared by every chart; WIDTH and HEIGHT are its pixels, from ARG1 and ARG2 (load hides the ARGs of a script).
# FORMAT is set before the script is read: 0 svg, 1 pdf, 2 png at twice the pixels, 3 a terminal's characters, 160 wide.
# Text on a chart comes from this folder or from a data column, never from an argument.
set datafile separator "\t"
set datafile commentschars ""
set datafile missing "NaN"
if (FORMAT == 0) { set terminal svg size WIDTH,HEIGHT dynamic noenhanced font "sans-serif,12" background rgb "#ffffff" }
if (FORMAT == 1) { set terminal pdfcairo size WIDTH/96.0,HEIGHT/96.0 noenhanced font "sans-serif,12" fontscale 0.75 linewidth 0.75 }
if (FORMAT == 2) { set terminal pngcairo size 2*WIDTH,2*HEIGHT noenhanced font "sans-serif,12" fontscale 2 linewidth 2 pointscale 2 }
if (FORMAT == 3) { set terminal dumb size 160,(HEIGHT/18 < 24 ? 24 : HEIGHT/18) noenhanced mono }
set key noenhanced
BARS = FORMAT == 3 ? 0 : 0.5          # the ends of an interval are as high as a line of characters

# What a chart is stamped with, from a column.
STAMP = ""
set table "table.out"
plot "stamp.tsv" using (STAMP = strcol(2), 0):(0) notitle
unset table
set output word("chart.svg chart.pdf chart.png chart.txt", FORMAT + 1)
set label 99 STAMP at screen 0.995, screen 1.0 - 11.0 / HEIGHT right noenhanced font ",10" textcolor rgb "#595959"

# Okabe-Ito colours, one per backend: gt, pthread, pthread-futex, pthread-pool, go, boost_fiber, st, any other.
set linetype 1 linecolor rgb "#0072B2" linewidth 2.4 dashtype 1            pointtype 7  pointsize 0.8
set linetype 2 linecolor rgb "#D55E00" linewidth 1.8 dashtype (12,5)       pointtype 5  pointsize 0.8
set linetype 3 linecolor rgb "#E69F00" linewidth 1.8 dashtype (4,4)        pointtype 9  pointsize 1.0
set linetype 4 linecolor rgb "#009E73" linewidth 1.8 dashtype (12,4,3,4)   pointtype 13 pointsize 1.0
set linetype 5 linecolor rgb "#CC79A7" linewidth 1.8 dashtype (18,6)       pointtype 11 pointsize 1.0
set linetype 6 linecolor rgb "#56B4E9" linewidth 1.8 dashtype (2,6)        pointtype 15 pointsize 0.9
set linetype 7 linecolor rgb "#000000" linewidth 1.8 dashtype (9,3,2,3,2,3) pointtype 3 pointsize 0.9
set linetype 8 linecolor rgb "#999999" linewidth 1.8 dashtype (6,6)        pointtype 1  pointsize 0.9
# The same backends once more, hollow: the second variant of a pair (cold beside warm).
set linetype 11 linecolor rgb "#0072B2" linewidth 1.2 dashtype (2,3)       pointtype 6  pointsize 0.8
set linetype 12 linecolor rgb "#D55E00" linewidth 1.2 dashtype (8,3,2,3)   pointtype 4  pointsize 0.8
set linetype 13 linecolor rgb "#E69F00" linewidth 1.2 dashtype (2,6)       pointtype 8  pointsize 1.0
set linetype 14 linecolor rgb "#009E73" linewidth 1.2 dashtype (8,3)       pointtype 12 pointsize 1.0
set linetype 15 linecolor rgb "#CC79A7" linewidth 1.2 dashtype (4,2)       pointtype 10 pointsize 1.0
set linetype 16 linecolor rgb "#56B4E9" linewidth 1.2 dashtype (4,6)       pointtype 14 pointsize 0.9
set linetype 17 linecolor rgb "#000000" linewidth 1.2 dashtype (3,3)       pointtype 2  pointsize 0.9
set linetype 18 linecolor rgb "#999999" linewidth 1.2 dashtype (3,6)       pointtype 1  pointsize 0.7

INK = "#333333"
FAINT = "#d9d9d9"
set border 3 linecolor rgb INK linewidth 1
set tics nomirror textcolor rgb INK
set grid xtics ytics linecolor rgb FAINT linewidth 0.7 dashtype 1
