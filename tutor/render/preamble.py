r"""The LaTeX document's head: sizes, and the few macros that keep every box on the page."""

from __future__ import annotations

from ..words import language

PREAMBLE = r"""\documentclass[11pt,a4paper]{article}
\usepackage{amsmath}
\usepackage{graphicx}
\usepackage{longtable}
\setlength{\textwidth}{16.5cm}
\setlength{\oddsidemargin}{-0.3cm}
\setlength{\evensidemargin}{-0.3cm}
\setlength{\textheight}{24.5cm}
\setlength{\topmargin}{-1.5cm}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt plus 1pt}
\setlength{\emergencystretch}{3em}
\setcounter{MaxMatrixCols}{12}
\setlength{\LTpre}{2pt}
\setlength{\LTpost}{4pt}
% braces among typewriter letters come from the font of the formulas, as TeX would choose anyway
\DeclareFontFamily{OMS}{cmtt}{}
\DeclareFontShape{OMS}{cmtt}{m}{n}{<->ssub*cmsy/m/n}{}
\raggedbottom
\sloppy
\newsavebox{\fitbox}
\newlength{\fitwidth}
% a box no wider than #1: shrunk only when it must be
\newcommand{\fit}[2]{\setlength{\fitwidth}{#1}\sbox{\fitbox}{#2}%
\ifdim\wd\fitbox>\fitwidth\resizebox{\fitwidth}{!}{\usebox{\fitbox}}\else\usebox{\fitbox}\fi}
% a formula on its own line with a note at the right edge
\newcommand{\formula}[2]{\par\nopagebreak\vspace{1pt}\noindent\hspace*{2.5em}%
\fit{\dimexpr\linewidth-6.5em\relax}{$\displaystyle #1$}\hfill{\small #2}\par}
\newcommand{\fitpart}[1]{\fit{0.8\linewidth}{$\displaystyle #1$}}
% to the next page where less than #1 is left of this one, unless it is about to be broken anyway
\newcommand{\room}[1]{\par\ifdim\pagetotal>0pt\ifdim\pagetotal<\pagegoal
\ifdim\dimexpr\pagegoal-\pagetotal\relax<#1\relax\newpage\fi\fi\fi}
% a heading that may be broken over pages
\newcommand{\heading}[1]{\room{6\baselineskip}\bigskip
{\large\bfseries\raggedright #1\par}\nopagebreak\smallskip}
% nothing, as wide as the widest row: columns of a broken table are equally wide on all pages
\newcommand{\widest}[1]{\hphantom{\begin{tabular}{@{}l@{}}#1\end{tabular}}}
\newcommand{\fitinline}[1]{\fit{0.9\linewidth}{$#1$}}
% a picture in a fitting size, or as large as the page allows
\newcommand{\drawing}[1]{\begin{center}\sbox{\fitbox}{\includegraphics[scale=0.7]{#1}}%
\ifdim\ht\fitbox>0.8\textheight
\includegraphics[width=\linewidth,height=0.8\textheight,keepaspectratio]{#1}%
\else\ifdim\wd\fitbox>\linewidth\resizebox{\linewidth}{!}{\usebox{\fitbox}}%
\else\usebox{\fitbox}\fi\fi\end{center}}
% room above and below a matrix in a table
\newcommand{\roomy}[1]{\raisebox{0pt}[\dimexpr\height+2pt\relax][\dimexpr\depth+2pt\relax]{$#1$}}
\newcommand{\passed}{$\surd$\ }
\newcommand{\failed}{$\times$\ }
"""


# what a language needs beside the English: letters with their accents as one character, so that the
# page can be searched and copied (from outlines; without them T1 would be bitmaps); hyphens where
# TeX knows its words, else none; characters
_LANGUAGES = {
    "cs": r"""\IfFileExists{lmodern.sty}{\usepackage[T1]{fontenc}\usepackage{lmodern}}{}
\IfFileExists{czech.ldf}{\usepackage[czech]{babel}}{\hyphenpenalty=10000}
""",
    "zh": r"""\usepackage{CJKutf8}
\AtBeginDocument{\begin{CJK}{UTF8}{gbsn}}
\AtEndDocument{\clearpage\end{CJK}}
""",
}


def preamble() -> str:
    """What stands before \\begin{document}, in the language spoken."""
    return PREAMBLE + _LANGUAGES.get(language(), "")


def file_name(name: str) -> str:
    """A file name for \\includegraphics, which takes no escapes: plain characters only."""
    if not all(c.isascii() and (c.isalnum() or c in "._-/+") for c in name):
        raise ValueError(f"not a plain file name: {name!r}")
    return name
