using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.New;

/// <summary>What a person wants: from flags, and at a terminal from answers to questions.</summary>
/// <param name="screen">Where is asked.</param>
internal sealed class Answers(Screen screen)
{
    private readonly List<string> _missing = [];

    /// <summary>Whether somebody can be asked.</summary>
    internal bool CanAsk => screen.Input is not null && !screen.Json;

    /// <summary>A flag's value, or the answer to a question, asked again until the check takes it.</summary>
    /// <param name="flag">Such as --data.</param>
    /// <param name="given">The flag's value; null where it was left out.</param>
    /// <param name="question">What is asked.</param>
    /// <param name="proposal">What an empty line stands for; null where there has to be an answer.</param>
    /// <param name="check">Makes the answer what is wanted; refuses by a KdException.</param>
    /// <exception cref="KdException"><c>KDP0830</c>: the input ended; whatever the check says of a flag's value.</exception>
    internal T? Get<T>(string flag, string? given, string question, string? proposal, Func<string, T> check)
        where T : class
    {
        if (given is not null)
            return check(given);
        if (!CanAsk)
        {
            _missing.Add(flag);
            return null;
        }
        while (true)
        {
            screen.Output.Write(SafeText.Of(proposal is null ? $"{question}: " : $"{question} [{proposal}]: "));
            screen.Output.Flush();
            var line =
                screen.Input!.ReadLine()
                ?? throw new KdException(
                    CommandErrors.Unanswered,
                    $"The input ended before '{flag}' was answered. Nothing was written."
                );
            var answer = line.Trim() is { Length: > 0 } said ? said : proposal;
            if (answer is null)
                continue;
            try
            {
                return check(answer);
            }
            catch (KdException e)
            {
                screen.Say(e.Message);
            }
        }
    }

    /// <summary>Refuses where flags were left out and nobody could be asked.</summary>
    /// <exception cref="KdException"><c>KDP0830</c>, with all of them.</exception>
    internal void Require()
    {
        if (_missing.Count > 0)
            throw new KdException(
                CommandErrors.Unanswered,
                $"{string.Join(", ", _missing)}: left out, and there is no terminal to ask at.",
                $"Add {string.Join(" and ", _missing)}; 'kd new --help' says what they take."
            );
    }
}
