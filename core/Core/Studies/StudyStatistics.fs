namespace KdPlugins.Core

open System
open System.Collections.Generic

/// Numbers of several seeds in few: their mean, the unbiased deviation, and the interval that holds the true mean in 95 % of all
/// such studies, by Student's t.
type StudySummary =
    {
        /// So many numbers.
        Count: int

        /// Their mean; NaN where there is none.
        Mean: double

        /// The square root of the sum of squared distances from the mean by Count - 1; null below two numbers.
        Deviation: Nullable<double>

        /// The interval's lower end; null below two numbers.
        Low: Nullable<double>

        /// The interval's upper end; null below two numbers.
        High: Nullable<double>
    }

/// What a study says of a claim.
type StudyVerdict =
    /// The interval of the differences holds 0, or there is none.
    | Undecided = 0
    /// The interval is above 0.
    | Holds = 1
    /// The interval is below 0.
    | Not = 2

/// Statistics of studies.
[<AbstractClass; Sealed>]
type StudyStatistics private () =

    /// P(|T| <= t) of Student's t with n degrees of freedom: the finite series of Abramowitz and Stegun, 26.7.3 and 26.7.4.
    static let within (n: int) (t: double) : double =
        let angle = Math.Atan(t / sqrt (double n))
        let c = cos angle
        let s = sin angle

        // Terms up to the power n - 2 of the cosine, each the last one times c^2 i / (i + 1).
        let sum (first: double) (k: int) =
            let mutable term = first
            let mutable total = first
            let mutable i = k

            while i <= n - 2 do
                term <- term * c * c * double i / double (i + 1)
                total <- total + term
                i <- i + 2

            total

        if n = 1 then 2.0 * angle / Math.PI
        elif n % 2 = 1 then 2.0 / Math.PI * (angle + s * sum c 2)
        else s * sum 1.0 1

    /// The t that |T| does not exceed with probability 0.95, by the degrees of freedom (at least 1).
    static member Quantile(freedom: int) : double =
        ArgumentOutOfRangeException.ThrowIfLessThan(freedom, 1)
        // 12.7 is that of one degree of freedom, 1.96 that of infinitely many.
        let mutable low = 1.9
        let mutable high = 13.0

        for _ in 1..100 do
            let middle = (low + high) / 2.0

            if within freedom middle < 0.95 then
                low <- middle
            else
                high <- middle

        (low + high) / 2.0

    /// The summary of finite numbers.
    static member Summarise(values: IReadOnlyList<double>) : StudySummary =
        let n = values.Count
        let mean = if n = 0 then Double.NaN else Seq.average values

        if n < 2 then
            {
                Count = n
                Mean = mean
                Deviation = Nullable()
                Low = Nullable()
                High = Nullable()
            }
        else
            let squares = values |> Seq.sumBy (fun v -> (v - mean) * (v - mean))
            let deviation = sqrt (squares / double (n - 1))
            let half = StudyStatistics.Quantile(n - 1) * deviation / sqrt (double n)

            {
                Count = n
                Mean = mean
                Deviation = Nullable deviation
                Low = Nullable(mean - half)
                High = Nullable(mean + half)
            }

    /// What the differences of a claim say.
    static member Judge(summary: StudySummary) : StudyVerdict =
        if not summary.Low.HasValue then StudyVerdict.Undecided
        elif summary.Low.Value > 0.0 then StudyVerdict.Holds
        elif summary.High.Value < 0.0 then StudyVerdict.Not
        else StudyVerdict.Undecided
