/// Well-mixed 64-bit hashing of a path of words.
module internal KdPlugins.Core.RandomMix

// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
let private mix (x: uint64) =
    let x = (x ^^^ (x >>> 30)) * 0xbf58476d1ce4e5b9UL
    let x = (x ^^^ (x >>> 27)) * 0x94d049bb133111ebUL
    x ^^^ (x >>> 31)

let word (key: uint64) (value: uint64) = mix (mix (key + 0x9e3779b97f4a7c15UL) ^^^ (value + 0x9e3779b97f4a7c15UL))

let text (key: uint64) (value: string) =
    let mutable state = word key (uint64 value.Length ||| 0x8000_0000_0000_0000UL)

    for c in value do
        state <- word state (uint64 c)

    state
