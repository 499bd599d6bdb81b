# Makes the account and its first administrator, as the application's own form does, but once: who is second changes nothing.
# It runs in the application: `bin/rails runner first-run.rb FOLDER`, where FOLDER has request.json.
require "json"

request = JSON.parse(File.read(File.join(ARGV.fetch(0), "request.json"), encoding: "UTF-8"))
email, password = request.values_at("email", "password")
# Each line of ours begins with a mark: the application's logger writes to standard output too.
say = ->(kind, value) { $stdout.write("\nbookops-#{kind} #{JSON.generate(value)}\n") }

present = lambda do
  user = User.find_by(email_address: email)
  {
    made: false,
    manual: nil,
    administrators: User.where(role: :administrator, active: true).order(:id).limit(20).pluck(:email_address),
    # an account that somebody else made first is not the person's own, whatever its address is
    own: !!(user&.active && user.administrator? && user.authenticate(password)),
  }
end

begin
  if request.fetch("do") == "look"
    say.("answer", User.exists? ? present.call : nil)
  else
    # The write lock is held from the question to the last write: of two first runs at once, one finds the other's user.
    user = User.transaction do
      next if User.exists?
      Account.create!(name: "Writebook")
      User.create!(name: request.fetch("name"), email_address: email, password: password, role: :administrator)
    end
    if user
      # after the transaction: files of images are stored when it has ended
      manual = DemoContent.create_manual(user) if request.fetch("manual")
      say.("answer", { made: true, manual: manual && Book.maximum(:id), administrators: [email], own: true })
    else
      say.("answer", present.call)
    end
  end
rescue ActiveRecord::StatementInvalid => error
  raise unless error.message.match?(/locked|busy/i)
  say.("stop", { message: "its database is in use by somebody else right now: run this again" })
end
