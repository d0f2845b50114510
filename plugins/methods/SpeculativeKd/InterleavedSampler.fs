namespace KdPlugins.SpeculativeKd

open System
open System.Threading
open TorchSharp
open KdPlugins.Core

/// How texts are written.
type internal SamplerSettings =
    {
        Rule: AcceptanceRule
        K: int64
        Mass: double
        ExpectedLength: int64
        Draft: int
        Tested: TestedToken
        Ranked: RankedScores
        StudentTemperature: double
        StudentTopP: double
        TeacherTemperature: double
        TeacherTopP: double
    }

    /// As options say.
    static member Of(o: SpeculativeKdOptions) =
        {
            Rule = o.Accept
            K = int64 o.K
            Mass = o.Mass
            ExpectedLength = int64 o.ExpectedLength
            Draft = o.Draft
            Tested = o.Tested
            Ranked = o.Ranked
            StudentTemperature = o.StudentTemperature
            StudentTopP = o.StudentTopP
            TeacherTemperature = o.TeacherTemperature
            TeacherTopP = o.TeacherTopP
        }

/// Texts that are being written.
/// prompts: what is given of each. limits: the most tokens that each may have in all. ends: the token that ends one; -1 for none.
[<Sealed>]
type internal GrowingTexts(prompts: int64[][], limits: int[], ends: int64) =
    let texts = prompts |> Array.map (fun p -> ResizeArray<int64> p)

    /// How many.
    member _.Count = texts.Length

    /// What stands of them.
    member _.Rows = texts

    /// The place of a text's next token in its answer.
    member _.Place(row: int) = texts[row].Count - prompts[row].Length

    /// Whether a text can be gone on with.
    member this.IsOpen(row: int) =
        texts[row].Count < limits[row]
        && (this.Place row = 0 || texts[row][texts[row].Count - 1] <> ends)

    /// Which can.
    member this.Open = Array.init texts.Length this.IsOpen

/// What came of writing texts.
type internal SampledTexts =
    {
        /// Prompts and answers.
        Texts: int64[][]

        /// Of each token of an answer whether the teacher put it there.
        IsTeachers: bool[][]

        /// Tokens that the student proposed and the teacher kept.
        Accepted: int

        /// Tokens that the teacher put in the place of others.
        Corrections: int
    }

    /// Corrections over all tokens that were written; 0 where none was.
    member this.CorrectionRate =
        float this.Corrections / float (max 1 (this.Accepted + this.Corrections))

/// Writes texts: the student's own, or those that it proposes and a teacher corrects (section 3 of the sheet).
module internal InterleavedSampler =

    let private values (ids: torch.Tensor) = ids.cpu().data<int64>().ToArray()

    let private numbers (device: torch.Device) (at: double seq) = torch.tensor (Seq.toArray at, device = device)

    // One more token of the student's for each open text. place: in the numbers, at most the last.
    let private propose
        (o: SamplerSettings)
        (student: CachedReader)
        (texts: GrowingTexts)
        (drawn: DrawnNumbers)
        device
        =
        use _ = torch.NewDisposeScope()
        let isOpen = texts.Open
        let last = texts.Rows |> Array.map (fun t -> t.Count - 1)
        let logits = student.Read(texts.Rows, isOpen, last, 1).squeeze 1L
        let p = Drawing.Warped(logits, o.StudentTemperature, o.StudentTopP)

        let draw (number: int -> int -> double) =
            Seq.init texts.Count (fun i -> if isOpen[i] then number i (texts.Place i) else 0.0)
            |> numbers device
            |> fun at -> values (Drawing.At(p, at))

        let first = draw (fun i place -> drawn.Student(i, place))

        let tested =
            match o.Tested with
            | TestedToken.Drafted -> first
            | _ -> draw (fun i place -> drawn.Second(i, place))

        for i in 0 .. texts.Count - 1 do
            if isOpen[i] then
                texts.Rows[i].Add first[i]

        isOpen, tested

    let private result (texts: GrowingTexts) (isTeachers: bool[][]) : SampledTexts =
        let all = Array.concat isTeachers
        let corrections = all |> Array.filter id |> Array.length

        {
            Texts = texts.Rows |> Array.map _.ToArray()
            IsTeachers = isTeachers
            Accepted = all.Length - corrections
            Corrections = corrections
        }

    /// The student's own texts.
    let own
        (o: SamplerSettings)
        (student: CachedReader)
        (texts: GrowingTexts)
        (drawn: DrawnNumbers)
        (device: torch.Device)
        (stop: CancellationToken)
        : SampledTexts =
        while Array.contains true texts.Open do
            stop.ThrowIfCancellationRequested()
            propose o student texts drawn device |> ignore

        result texts (Array.init texts.Count (fun i -> Array.create (texts.Place i) false))

    // One more draft for each open text, and the tokens that the rule is asked about.
    let private draft (o: SamplerSettings) (student: CachedReader) (texts: GrowingTexts) (drawn: DrawnNumbers) device =
        let tested = Array.init texts.Count (fun _ -> ResizeArray<int64>())

        for _ in 1 .. o.Draft do
            if Array.contains true texts.Open then
                let wrote, tokens = propose o student texts drawn device

                for i in 0 .. texts.Count - 1 do
                    if wrote[i] then
                        tested[i].Add tokens[i]

        tested

    // How many of a draft's first tokens the teacher keeps, and what it puts in the place of the next one.
    // scores: the teacher's at the draft's places, [drafted, V]. number: what is drawn with behind so many kept tokens.
    let private judge (o: SamplerSettings) (k: int64) (scores: torch.Tensor) (tested: int64[]) (number: int -> double) =
        let warped (logits: torch.Tensor) = Drawing.Warped(logits, o.TeacherTemperature, o.TeacherTopP)

        let ranked =
            match o.Ranked with
            | RankedScores.Raw -> scores
            | _ -> (warped scores).log()

        let ids = torch.tensor (tested, device = scores.device)

        let kept =
            Acceptance.Admitted(ranked, ids, o.Rule, k, o.Mass).cpu().data<bool>().ToArray()
            |> Acceptance.Leading

        if kept = tested.Length then
            struct (kept, ValueNone)
        else
            let at = numbers scores.device [ number kept ]
            struct (kept, ValueSome((values (Drawing.At(warped (scores.narrow (0L, int64 kept, 1L)), at)))[0]))

    /// Texts that the student proposes and the teacher corrects.
    let speculate
        (o: SamplerSettings)
        (student: CachedReader)
        (teacher: CachedReader)
        (texts: GrowingTexts)
        (drawn: DrawnNumbers)
        (device: torch.Device)
        (stop: CancellationToken)
        : SampledTexts =
        let isTeachers = Array.init texts.Count (fun _ -> ResizeArray<bool>())
        let mutable round = 0L

        while Array.contains true texts.Open do
            stop.ThrowIfCancellationRequested()
            use _ = torch.NewDisposeScope()
            let isAsked, before = texts.Open, texts.Rows |> Array.map _.Count
            let places = Array.init texts.Count texts.Place
            let tested = draft o student texts drawn device

            // The logits that predict a draft stand one place before each of its tokens.
            let logits =
                teacher.Read(texts.Rows, isAsked, before |> Array.map (fun n -> n - 1), o.Draft)

            let k = Acceptance.AdaptiveK(o.K, o.ExpectedLength, round)

            for i in 0 .. texts.Count - 1 do
                let count = tested[i].Count

                if count > 0 then
                    let struct (kept, own) =
                        judge o k (logits[int64 i].narrow(0L, 0L, int64 count)) (tested[i].ToArray()) (fun kept ->
                            drawn.Teacher(i, places[i] + kept))

                    texts.Rows[i].RemoveRange(before[i] + kept, count - kept)
                    isTeachers[i].AddRange(Array.create kept false)

                    if own.IsSome then
                        texts.Rows[i].Add own.Value
                        isTeachers[i].Add true

            round <- round + 1L
            let stands = texts.Rows |> Array.map _.Count
            student.Cut stands
            teacher.Cut stands

        result texts (isTeachers |> Array.map _.ToArray())
